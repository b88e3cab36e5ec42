//! The bodies of requests and responses, streamed through and observed.

mod request;
mod response;

pub use request::RequestBody;
pub use response::ResponseBody;
pub(crate) use response::{Frames, length};
