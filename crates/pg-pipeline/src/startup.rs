//! Starting a session: the start-up message and authentication.

use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use crate::error::{Error, ServerError};
use crate::io::Wire;
use crate::options::Options;

/// Default settings of a session: text in UTF-8, times in UTC.
const SETTINGS: [(&str, &str); 3] =
    [("client_encoding", "UTF8"), ("DateStyle", "ISO, MDY"), ("TimeZone", "UTC")];

/// A new session.
pub(crate) struct Session {
    /// The transaction status.
    pub(crate) status: u8,
    /// The role that authenticated, as the server reports it.
    pub(crate) session_user: Option<String>,
    /// What a request to cancel a statement of this session must contain.
    pub(crate) cancel_key: Option<CancelKey>,
}

/// The process id and the secret of a session (`BackendKeyData`).
#[derive(Clone, Copy)]
pub(crate) struct CancelKey {
    pub(crate) process_id: i32,
    pub(crate) secret: i32,
}

/// The parameter with the role that authenticated. PostgreSQL reports it at the start of each session
/// ("Asynchronous Operations" in chapter "Message Flow" of its documentation).
const SESSION_USER: &str = "session_authorization";

/// Authenticates.
pub(crate) async fn begin(wire: &mut Wire, options: &Options) -> Result<Session, Error> {
    let is_set = |name: &str| options.settings.iter().any(|(other, _)| other == name);
    let mut parameters = vec![("user", options.user.as_str())];
    parameters.extend(options.database.as_deref().map(|database| ("database", database)));
    parameters.extend(SETTINGS.into_iter().filter(|(name, _)| !is_set(name)));
    let settings = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    parameters.extend(settings);
    frontend::startup_message(parameters, &mut wire.outgoing)?;
    authenticate(wire, options).await?;
    let mut session_user = None;
    let mut cancel_key = None;
    loop {
        match next_or_parameter(wire).await? {
            Message::BackendKeyData(body) => {
                cancel_key =
                    Some(CancelKey { process_id: body.process_id(), secret: body.secret_key() });
            }
            Message::ParameterStatus(body) if body.name()? == SESSION_USER => {
                session_user = Some(body.value()?.to_owned());
            }
            Message::ParameterStatus(_) => {}
            Message::ReadyForQuery(ready) => {
                return Ok(Session { status: ready.status(), session_user, cancel_key });
            }
            _ => return Err(Error::unexpected("before the session is ready")),
        }
    }
}

async fn authenticate(wire: &mut Wire, options: &Options) -> Result<(), Error> {
    let password = || {
        let password = options.password.as_deref();
        password.ok_or(Error::Authentication("the server requires a password, and none is set"))
    };
    loop {
        match next(wire).await? {
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationCleartextPassword => {
                frontend::password_message(password()?.as_bytes(), &mut wire.outgoing)?;
            }
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(options.user.as_bytes(), password()?.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), &mut wire.outgoing)?;
            }
            Message::AuthenticationSasl(body) => scram(wire, &body, password()?).await?,
            _ => {
                return Err(Error::Authentication(
                    "the server requires a method other than password, MD5 or SCRAM-SHA-256",
                ));
            }
        }
    }
}

/// SCRAM-SHA-256 (RFC 7677), without channel binding.
async fn scram(
    wire: &mut Wire,
    offered: &AuthenticationSaslBody,
    password: &str,
) -> Result<(), Error> {
    let mut mechanisms = offered.mechanisms();
    let mut is_offered = false;
    while let Some(mechanism) = mechanisms.next()? {
        is_offered |= mechanism == SCRAM_SHA_256;
    }
    if !is_offered {
        return Err(Error::Authentication("the server does not offer SCRAM-SHA-256"));
    }
    let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut wire.outgoing)?;
    match next(wire).await? {
        Message::AuthenticationSaslContinue(body) => scram.update(body.data())?,
        _ => return Err(Error::unexpected("during SCRAM")),
    }
    frontend::sasl_response(scram.message(), &mut wire.outgoing)?;
    match next(wire).await? {
        Message::AuthenticationSaslFinal(body) => Ok(scram.finish(body.data())?),
        _ => Err(Error::unexpected("at the end of SCRAM")),
    }
}

/// The next message, without notices and parameters of the server. An error response is returned as an error.
async fn next(wire: &mut Wire) -> Result<Message, Error> {
    loop {
        match next_or_parameter(wire).await? {
            Message::ParameterStatus(_) => {}
            message => return Ok(message),
        }
    }
}

/// As [`next`], with the parameters of the server.
async fn next_or_parameter(wire: &mut Wire) -> Result<Message, Error> {
    loop {
        match wire.next().await? {
            Message::ErrorResponse(body) => {
                return Err(Error::Server(Box::new(ServerError::read(body.fields())?)));
            }
            Message::NoticeResponse(_) => {}
            message => return Ok(message),
        }
    }
}
