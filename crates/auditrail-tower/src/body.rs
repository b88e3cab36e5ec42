//! The bodies of requests and answers on their way through. They are passed on as they come.

mod request;
mod response;

pub use request::RequestBody;
pub use response::ResponseBody;
pub(crate) use response::{Frames, length};
