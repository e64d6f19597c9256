//! The schema, one file per step. A released step never changes.

mod m0001_first;
mod m0002_quantization;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_first::Migration), Box::new(m0002_quantization::Migration)]
    }
}
