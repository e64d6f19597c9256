//! `semantik migrate`: the store's tables, up, down and where they stand.

use clap::{Args, Subcommand};
use semantik_store::{Direction, StoreError, migrate, migration_status};

use crate::context::Context;
use crate::data_folder::{DataFolder, Taken, busy, served_at};
use crate::error::{CliError, Exit};

const EXAMPLES: &str = "\
`serve` and all other commands migrate up by themselves; this is for looking, and for going back
to an older version of Semantik. Stop the server first.

Examples:
  semantik migrate status
  semantik migrate down --steps 1";

/// Arguments of `migrate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MigrateArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Apply what is missing
    Up {
        /// At most so many; all when left out
        #[arg(long, value_name = "N")]
        steps: Option<u32>,
    },
    /// Take the newest back (tables and what is in them go)
    Down {
        #[arg(long, default_value_t = 1, value_name = "N")]
        steps: u32,
    },
    /// What is applied and what is not
    Status,
}

pub async fn run(context: &Context, args: MigrateArgs) -> Result<Exit, CliError> {
    let dir = &context.config.data_dir;
    let _folder = match DataFolder::take(dir, &context.command)? {
        Taken::Mine(folder) => folder,
        Taken::Busy(holder) => return Err(busy(dir, holder.as_ref(), served_at(dir).as_ref())),
    };
    let url = context.config.store_url();
    match args.action {
        Action::Up { steps } => migrate(&url, Direction::Up, steps).await.map_err(store_error)?,
        Action::Down { steps } => migrate(&url, Direction::Down, Some(steps)).await.map_err(store_error)?,
        Action::Status => {}
    }
    let states = migration_status(&url).await.map_err(store_error)?;
    if context.out.json {
        context.out.document(&serde_json::json!({ "migrations": states }));
        return Ok(Exit::Ok);
    }
    for state in states {
        let mark = if state.applied { context.out.style.green("applied") } else { "not applied".to_owned() };
        context.out.line(format_args!("{}  {mark}", state.name));
    }
    Ok(Exit::Ok)
}

fn store_error(error: StoreError) -> CliError {
    CliError::new(error.code(), error.to_string())
}
