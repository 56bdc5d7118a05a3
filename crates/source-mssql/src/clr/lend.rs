//! Values of these types on their way to a batch: decoded into room that is used again, and lent from there.

use migrate_core::value::Value;

use super::spatial::SpatialKind;
use super::variant::Variant;
use super::{ClrError, hierarchyid, spatial};

/// Why bytes are not a value. Carries no part of the value.
pub(crate) type Reason = String;

/// Room for values that have to be rewritten before they can be lent.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    text: String,
    bytes: Vec<u8>,
}

impl Scratch {
    /// Lends a `hierarchyid` as its path.
    pub(crate) fn hierarchy_id<R>(
        &mut self,
        body: &[u8],
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        self.text = hierarchyid::decode(body).map_err(|e| format!("not a hierarchyid: {e}"))?;
        Ok(then(Value::Text(&self.text)))
    }

    /// Lends a spatial value as EWKB.
    pub(crate) fn spatial<R>(
        &mut self,
        kind: SpatialKind,
        body: &[u8],
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        match spatial::to_ewkb(body, kind) {
            Ok(Some(ewkb)) => {
                self.bytes = ewkb.bytes;
                Ok(then(Value::Bytes(&self.bytes)))
            }
            Ok(None) => Ok(then(Value::Null)),
            // Sound, but a row for quarantine.
            Err(e @ ClrError::NotRepresentable { .. }) => Ok(then(Value::Unsupported {
                reason: &e.to_string(),
                bytes: body,
            })),
            Err(e) => Err(format!("not a spatial value: {e}")),
        }
    }

    /// Lends a `sql_variant` as JSON. `body` is what quarantine keeps of one that JSON cannot hold.
    pub(crate) fn variant<R>(
        &mut self,
        variant: Result<Variant, ClrError>,
        body: &[u8],
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        match variant.and_then(|v| v.to_json()) {
            Ok(text) => {
                self.text = text;
                Ok(then(Value::Json(&self.text)))
            }
            Err(e @ ClrError::NotRepresentable { .. }) => Ok(then(Value::Unsupported {
                reason: &e.to_string(),
                bytes: body,
            })),
            Err(e) => Err(format!("not a sql_variant: {e}")),
        }
    }
}
