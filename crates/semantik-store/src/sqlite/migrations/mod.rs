//! The schema, one file per step. A released step never changes.

mod m0001_first;
mod m0002_quantization;
mod s0001_spaces;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_first::Migration), Box::new(m0002_quantization::Migration)]
    }
}

/// The schema of stand-alone vector spaces, which lie in a file of their own.
pub(super) struct SpacesMigrator;

impl MigratorTrait for SpacesMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(s0001_spaces::Migration)]
    }
}
