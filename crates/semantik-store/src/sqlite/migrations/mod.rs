//! The schema, one file per step. A released step never changes.

mod m0001_first;
mod m0002_quantization;
mod m0003_recipe;
mod s0001_spaces;
mod s0002_recipe;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first::Migration),
            Box::new(m0002_quantization::Migration),
            Box::new(m0003_recipe::Migration),
        ]
    }
}

/// The schema of stand-alone vector spaces, which lie in a file of their own.
pub(super) struct SpacesMigrator;

impl MigratorTrait for SpacesMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(s0001_spaces::Migration), Box::new(s0002_recipe::Migration)]
    }
}
