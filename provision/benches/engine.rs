//! How long the engine takes per instance, from a thousand instances to a hundred thousand: every
//! stage is meant to be linear, so the throughput of a group must not sink from size to size.
//!
//! `cargo bench -p provision`
#![expect(clippy::unwrap_used, reason = "a bench has nobody to tell about a failure")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use provision::broker::Catalog;
use provision::config::{Desired, Document, Rules, Scope};
use provision::diagnostic::Diagnostics;
use provision::digest;
use provision::name::Name;
use provision::plan::{self, Input, Lookup, Options, inputs_of};
use provision::state::{
    Event, Instance, Journal, Origin, Record, Status, fold, read_journal, read_log, write_journal,
    write_record,
};
use provision::text::{Format, parse, parse_placeless};
use serde_json::Value;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// Of ten instances in a row each reads the one before, and every tenth reads nothing.
const CHAIN: usize = 10;

fn catalog() -> Catalog {
    let settings = brokers::local::Settings { root: PathBuf::from("."), allow_outside: false };
    Catalog::new(brokers::local(&settings))
}

fn before(index: usize) -> String {
    if index.is_multiple_of(CHAIN) { "none".to_owned() } else { format!("@r{}.id", index - 1) }
}

fn json(size: usize) -> String {
    let mut text = String::from("{\"instances\": [");
    for index in 0..size {
        let before = before(index);
        write!(
            text,
            "{}{{\"ref\": \"r{index}\", \"service\": \"local-value\", \"name\": \"app-{index}\", \
             \"params\": {{\"size\": {index}, \"region\": \"eu\", \"before\": \"{before}\", \
             \"labels\": {{\"team\": \"a\", \"list\": [1, 2, 3]}}}}}}",
            if index == 0 { "" } else { ",\n" }
        )
        .unwrap();
    }
    text + "]}"
}

fn toml(size: usize) -> String {
    let mut text = String::new();
    for index in 0..size {
        let before = before(index);
        write!(
            text,
            "[[instances]]\nref = \"r{index}\"\nservice = \"local-value\"\nname = \"app-{index}\"\n\
             params = {{ size = {index}, region = \"eu\", before = \"{before}\", \
             labels = {{ team = \"a\", list = [1, 2, 3] }} }}\n\n"
        )
        .unwrap();
    }
    text
}

fn desired(root: provision::text::Node, catalog: &Catalog) -> Desired {
    let mut problems = Diagnostics::default();
    let document = Document::read(root, &mut problems);
    document.desired(Scope::default(), catalog, Rules::default(), &mut problems).unwrap()
}

fn from_json(text: &str, catalog: &Catalog) -> Desired {
    desired(parse_placeless(text, Format::Json).unwrap(), catalog)
}

/// The journal after `desired` was applied.
fn applied(desired: &Desired, catalog: &Catalog) -> Journal {
    let mut journal = Journal::empty(Name::from("bench"), Name::from("default"));
    for &position in &desired.order {
        let entry = entry(desired, position, &journal, catalog);
        journal.instances.put(entry);
    }
    journal
}

fn entry(desired: &Desired, position: usize, journal: &Journal, catalog: &Catalog) -> Instance {
    let spec = desired.instances.get(position).unwrap();
    let service = catalog.service(spec.service.as_str());
    let output =
        |reference: &str, key: &str| journal.instances.get(reference)?.outputs.get(key).cloned();
    let lookup = Lookup { output: &output, env: &desired.env };
    let inputs = inputs_of(spec, service, &lookup, None).unwrap();
    let time = Timestamp::from_second(1_700_000_000).ok();
    let fingerprint = digest::fingerprint(spec.name.as_str(), &spec.params, spec.plan.as_ref());
    Instance {
        reference: spec.reference.clone(),
        service: spec.service.clone(),
        plan: None,
        name: spec.name.clone(),
        instance_id: format!("local-value:{}", spec.name),
        kind: Name::from("value"),
        origin: Origin::Created,
        status: Status::Provisioned,
        outputs: [(Name::from("id"), Value::from(format!("v-{position:016x}")))].into(),
        sensitive: Default::default(),
        params: Some(spec.params.clone()),
        fingerprint: fingerprint.unwrap(),
        inputs: Some(inputs.digest),
        identity: inputs.identity,
        depends_on: spec.needs.clone(),
        bind: Some(Vec::new()),
        protected: false,
        retain: false,
        external: false,
        last_error: None,
        provisioned_at: time,
        updated_at: time,
        operation: None,
        deposed: Vec::new(),
    }
}

/// A config of `size`, and the journal in which all of it is up to date.
fn project(size: usize, catalog: &Catalog) -> (Desired, Journal) {
    let desired = from_json(&json(size), catalog);
    let journal = applied(&desired, catalog);
    (desired, journal)
}

/// Runs `measure` at every size, as one group.
fn each_size(
    criterion: &mut Criterion,
    name: &str,
    measure: impl Fn(&mut criterion::Bencher<'_>, usize),
) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    for size in SIZES {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, size| {
            measure(bencher, *size);
        });
    }
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    let catalog = catalog();
    each_size(criterion, "parse/json", |bencher, size| {
        let text = json(size);
        bencher.iter_with_large_drop(|| from_json(black_box(&text), &catalog));
    });
    each_size(criterion, "parse/json-with-places", |bencher, size| {
        let text = json(size);
        bencher.iter_with_large_drop(|| {
            desired(parse(black_box(&text), Format::Json, 0).unwrap(), &catalog)
        });
    });
    each_size(criterion, "parse/toml", |bencher, size| {
        let text = toml(size);
        bencher.iter_with_large_drop(|| {
            desired(parse(black_box(&text), Format::Toml, 0).unwrap(), &catalog)
        });
    });
}

fn deciding(criterion: &mut Criterion) {
    let catalog = catalog();
    each_size(criterion, "fingerprint", |bencher, size| {
        let desired = from_json(&json(size), &catalog);
        bencher.iter(|| {
            for spec in &desired.instances {
                let plan = spec.plan.as_ref();
                let digest = digest::fingerprint(spec.name.as_str(), &spec.params, plan);
                black_box(digest.unwrap());
            }
        });
    });
    each_size(criterion, "order", |bencher, size| {
        let desired = from_json(&json(size), &catalog);
        bencher.iter_with_large_drop(|| desired.graph.order().unwrap());
    });
    let options = Options::default();
    let none = Journal::empty(Name::from("bench"), Name::from("default"));
    each_size(criterion, "diff/create-all", |bencher, size| {
        let desired = from_json(&json(size), &catalog);
        let (journal, catalog) = (&none, &catalog);
        let input = Input { desired: &desired, journal, catalog, options: &options };
        bencher.iter_with_large_drop(|| plan::plan(black_box(input)));
    });
    each_size(criterion, "diff/no-op", |bencher, size| {
        let (desired, journal) = project(size, &catalog);
        let (journal, catalog) = (&journal, &catalog);
        let input = Input { desired: &desired, journal, catalog, options: &options };
        assert!(plan::plan(input).is_clean());
        bencher.iter_with_large_drop(|| plan::plan(black_box(input)));
    });
    each_size(criterion, "diff/one-change", |bencher, size| {
        let (mut desired, journal) = project(size, &catalog);
        let changed = desired.instances.get_mut(size / 2).unwrap();
        changed.params.insert("region".to_owned(), Value::from("us"));
        let (journal, catalog) = (&journal, &catalog);
        let input = Input { desired: &desired, journal, catalog, options: &options };
        assert!(!plan::plan(input).is_clean());
        bencher.iter_with_large_drop(|| plan::plan(black_box(input)));
    });
    each_size(criterion, "diff/teardown", |bencher, size| {
        let (_, journal) = project(size, &catalog);
        bencher.iter_with_large_drop(|| plan::teardown(black_box(&journal), &options));
    });
}

fn remembering(criterion: &mut Criterion) {
    let catalog = catalog();
    each_size(criterion, "fold", |bencher, size| {
        let (_, journal) = project(size, &catalog);
        let done = |entry: &Instance| Event::Done(Box::new(entry.clone()));
        let events: Vec<Event> = journal.instances.iter().map(done).collect();
        let start = Journal::empty(journal.project.clone(), journal.stage);
        let setup = || (start.clone(), events.clone());
        let run = |(mut journal, events): (Journal, Vec<Event>)| {
            events.into_iter().for_each(|event| fold(&mut journal, event));
            journal
        };
        bencher.iter_batched(setup, run, BatchSize::LargeInput);
    });
    each_size(criterion, "log/read", |bencher, size| {
        let (_, journal) = project(size, &catalog);
        let mut bytes = Vec::new();
        for (seq, entry) in (0..).zip(journal.instances.iter()) {
            let event = Event::Done(Box::new(entry.clone()));
            let record = Record { fence: 1, seq, durable: seq, at: Timestamp::UNIX_EPOCH, event };
            write_record(&record, &mut bytes).unwrap();
        }
        bencher.iter_with_large_drop(|| read_log(black_box(&bytes)).unwrap());
    });
    each_size(criterion, "journal/write", |bencher, size| {
        let (_, journal) = project(size, &catalog);
        bencher.iter_with_large_drop(|| write_journal(black_box(&journal)).unwrap());
    });
    each_size(criterion, "journal/read", |bencher, size| {
        let (_, journal) = project(size, &catalog);
        let text = String::from_utf8(write_journal(&journal).unwrap()).unwrap();
        let (project, stage) = (journal.project.clone(), journal.stage);
        bencher.iter_with_large_drop(|| read_journal(black_box(&text), &project, &stage).unwrap());
    });
}

criterion_group!(benches, parsing, deciding, remembering);
criterion_main!(benches);
