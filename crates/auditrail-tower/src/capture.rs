//! From a request to its record: `observe` follows the request, `record` builds the record, `deliver` submits
//! it to the sink. `observe` uses the other two, `deliver` uses `record`.

pub(crate) mod deliver;
pub(crate) mod grpc;
pub(crate) mod observe;
pub(crate) mod record;
