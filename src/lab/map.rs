//! The affective circumplex: principal components of the emotion vectors against how people rated the words (the paper's PCA of
//! the 171: PC1 26 % of variance with valence r 0.81, PC2 15 % with arousal r 0.66, n = 45).

use serde::Serialize;

use super::{Lab, LabError};
use crate::geometry::{self, Component, Map};
use crate::job::{Cancel, Sink};

/// Components in the table.
const COMPONENTS: usize = 3;

/// The map at the block read, and the first components at every block of the bank.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MapResult {
    /// "Pearson's r with human ratings", where n is the number of rated emotions in each component.
    pub metric: &'static str,
    pub map: Map,
    pub blocks: Vec<BlockComponents>,
}

/// The first components at one block.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlockComponents {
    pub block: usize,
    pub components: Vec<Component>,
}

/// Needs the bank alone.
///
/// # Errors
/// Vectors which have no map; [`LabError::Stopped`].
pub fn map(lab: &Lab, cancel: &Cancel, sink: Sink) -> Result<MapResult, LabError> {
    let mut steps = super::Steps::new("Mapping the vectors", lab.bank.blocks.len() + 1, sink, cancel);
    steps.next()?;
    let map = geometry::map(lab.bank, lab.block, lab.vectors, 1, 2)?;
    let mut blocks = Vec::new();
    for block in &lab.bank.blocks {
        steps.next()?;
        let components = geometry::components(lab.bank, *block, lab.vectors, COMPONENTS)?;
        blocks.push(BlockComponents { block: *block, components });
    }
    Ok(MapResult { metric: "Pearson's r with human ratings", map, blocks })
}
