//! `prov man`: the manual page.

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use provision::store::StoreError;
use serde_json::json;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::out_raw;
use crate::view;

/// What `prov man` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write a page for every command into this folder
    folder: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When the pages cannot be written.
pub fn run(context: &mut Context, args: &Args) -> super::Answer {
    let failed = |source: std::io::Error| -> Failure {
        let path = args.folder.clone().unwrap_or_else(|| PathBuf::from("standard output"));
        StoreError::Io { doing: "write", path, source }.into()
    };
    match &args.folder {
        Some(folder) => {
            write_pages(&context.typed(folder)?).map_err(failed)?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
            page.extend(exit_codes().into_bytes());
            if context.global.json {
                let page = String::from_utf8_lossy(&page);
                view::document(&view::versioned(json!({ "page": page })));
            } else {
                out_raw(&page);
            }
        }
    }
    Ok(Exit::Done)
}

/// Writes a page for every command. Each takes the place of what has its name: a link is not written
/// through.
fn write_pages(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let drafts = tempfile::Builder::new().prefix(".prov-").tempdir_in(folder)?;
    clap_mangen::generate_to(Cli::command(), drafts.path())?;
    for page in std::fs::read_dir(drafts.path())? {
        let page = page?;
        std::fs::rename(page.path(), folder.join(page.file_name()))?;
    }
    Ok(())
}

fn exit_codes() -> String {
    let row = |(exit, meaning): (Exit, &str)| format!(".TP\n\\fB{}\\fR\n{meaning}\n", exit.code());
    let rows: String = Exit::TABLE.into_iter().map(row).collect();
    format!(".SH \"EXIT STATUS\"\n{rows}")
}
