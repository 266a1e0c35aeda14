//! The scheduler as a pure state machine: events in, commands out.

use std::collections::VecDeque;

use crate::graph::Graph;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The run begins.
    Start,
    /// A task ended.
    Finished {
        /// Which.
        task: usize,
        /// Whether it ended well.
        ok: bool,
    },
    /// Nothing new may start.
    Stop,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run a task.
    Run(usize),
    /// A task will never run.
    Skip {
        /// Which.
        task: usize,
        /// The failed task it waited for.
        because: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
    Skipped,
}

/// Decides which task runs when.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    graph: &'a Graph,
    states: Vec<State>,
    /// How many needs of each task are not done.
    missing: Vec<usize>,
    ready: VecDeque<usize>,
    running: usize,
    limit: usize,
    stopped: bool,
}

impl<'a> Machine<'a> {
    /// A machine over the tasks of `graph` that runs at most `limit` of them at once.
    #[must_use]
    pub fn new(graph: &'a Graph, limit: usize) -> Self {
        Self {
            graph,
            states: vec![State::Waiting; graph.len()],
            missing: (0..graph.len()).map(|task| graph.needs(task).count()).collect(),
            ready: VecDeque::new(),
            running: 0,
            limit: limit.max(1),
            stopped: false,
        }
    }

    /// Takes an event and answers what to do.
    pub fn on(&mut self, event: Event) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Start => {
                let free = self.missing.iter().enumerate().filter(|(_, missing)| **missing == 0);
                self.ready = free.map(|(task, _)| task).collect();
            }
            Event::Finished { task, ok } => self.finished(task, ok, &mut commands),
            Event::Stop => self.stopped = true,
        }
        self.fill(&mut commands);
        commands
    }

    /// Whether nothing runs and nothing more will.
    #[cfg(test)]
    fn is_over(&self) -> bool {
        self.running == 0 && (self.stopped || self.ready.is_empty())
    }

    /// The tasks that never started.
    #[cfg(test)]
    fn unstarted(&self) -> impl Iterator<Item = usize> + '_ {
        let states = self.states.iter().enumerate();
        states.filter(|(_, state)| **state == State::Waiting).map(|(task, _)| task)
    }

    fn finished(&mut self, task: usize, ok: bool, commands: &mut Vec<Command>) {
        self.running = self.running.saturating_sub(1);
        self.set(task, if ok { State::Done } else { State::Failed });
        if !ok {
            self.skip_what_needs(task, commands);
            return;
        }
        let mut freed: Vec<usize> = Vec::new();
        for needing in self.graph.needed_by(task) {
            if let Some(missing) = self.missing.get_mut(needing) {
                *missing = missing.saturating_sub(1);
                if *missing == 0 && self.states.get(needing) == Some(&State::Waiting) {
                    freed.push(needing);
                }
            }
        }
        self.ready.extend(freed.into_iter().rev());
    }

    fn skip_what_needs(&mut self, failed: usize, commands: &mut Vec<Command>) {
        let mut open = vec![failed];
        while let Some(task) = open.pop() {
            let needing: Vec<usize> = self.graph.needed_by(task).collect();
            for needing in needing {
                if self.states.get(needing) == Some(&State::Waiting) {
                    self.set(needing, State::Skipped);
                    commands.push(Command::Skip { task: needing, because: failed });
                    open.push(needing);
                }
            }
        }
    }

    fn fill(&mut self, commands: &mut Vec<Command>) {
        while !self.stopped && self.running < self.limit {
            let Some(task) = self.ready.pop_front() else { return };
            self.set(task, State::Running);
            self.running += 1;
            commands.push(Command::Run(task));
        }
    }

    fn set(&mut self, task: usize, state: State) {
        if let Some(slot) = self.states.get_mut(task) {
            *slot = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tasks 0 → 1 → 2, and 3 alone.
    fn chain() -> Graph {
        let mut graph = Graph::new(4);
        graph.add(0, 1);
        graph.add(1, 2);
        graph
    }

    fn done(task: usize) -> Event {
        Event::Finished { task, ok: true }
    }

    #[test]
    fn independent_tasks_run_together_up_to_the_limit() {
        let graph = chain();
        assert_eq!(Machine::new(&graph, 8).on(Event::Start), [Command::Run(0), Command::Run(3)]);
        let mut one = Machine::new(&graph, 1);
        assert_eq!(one.on(Event::Start), [Command::Run(0)]);
        assert_eq!(one.on(done(0)), [Command::Run(3)]);
    }

    #[test]
    fn a_failure_skips_only_what_depends_on_it() {
        let graph = chain();
        let mut machine = Machine::new(&graph, 8);
        machine.on(Event::Start);
        let skips = machine.on(Event::Finished { task: 0, ok: false });
        assert_eq!(
            skips,
            [Command::Skip { task: 1, because: 0 }, Command::Skip { task: 2, because: 0 }]
        );
        assert!(!machine.is_over());
        assert_eq!(machine.on(done(3)), []);
        assert!(machine.is_over());
    }

    #[test]
    fn after_a_stop_nothing_starts_and_what_runs_may_end() {
        let graph = chain();
        let mut machine = Machine::new(&graph, 8);
        machine.on(Event::Start);
        assert_eq!(machine.on(Event::Stop), []);
        assert!(!machine.is_over());
        assert_eq!(machine.on(done(0)), []);
        assert_eq!(machine.on(done(3)), []);
        assert!(machine.is_over());
        assert_eq!(machine.unstarted().collect::<Vec<_>>(), [1, 2]);
    }

    proptest::proptest! {
        /// Whatever fails, every task runs once after its needs, or is skipped for a failed one.
        #[test]
        fn every_task_is_accounted_for(
            edges in proptest::collection::vec((0usize..30, 0usize..30), 0..90),
            failing in proptest::collection::hash_set(0usize..30, 0..6),
            limit in 1usize..5,
        ) {
            let mut graph = Graph::new(30);
            for (needed, needing) in edges.into_iter().filter(|(a, b)| a < b) {
                graph.add(needed, needing);
            }
            let mut machine = Machine::new(&graph, limit);
            let mut ended = std::collections::HashMap::new();
            let mut queue: VecDeque<Command> = machine.on(Event::Start).into();
            while let Some(command) = queue.pop_front() {
                match command {
                    Command::Run(task) => {
                        for need in graph.needs(task) {
                            proptest::prop_assert_eq!(ended.get(&need), Some(&true));
                        }
                        let ok = !failing.contains(&task);
                        proptest::prop_assert!(ended.insert(task, ok).is_none());
                        queue.extend(machine.on(Event::Finished { task, ok }));
                    }
                    Command::Skip { task, because } => {
                        proptest::prop_assert!(failing.contains(&because));
                        proptest::prop_assert!(ended.insert(task, false).is_none());
                    }
                }
            }
            proptest::prop_assert!(machine.is_over());
            proptest::prop_assert_eq!(ended.len(), 30);
        }
    }
}
