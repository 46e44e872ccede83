//! Maps of the loaded object, by name.

use aya::Ebpf;
use aya::maps::{Map, MapError};

use super::error::LoadError;

/// Takes a map out of the object, as the type that it has there.
pub(super) fn take<M: TryFrom<Map, Error = MapError>>(ebpf: &mut Ebpf, name: &'static str) -> Result<M, LoadError> {
    let map = ebpf.take_map(name).ok_or(LoadError::Missing(name))?;
    M::try_from(map).map_err(|source| LoadError::Map { name, source })
}
