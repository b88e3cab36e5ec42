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

/// Authenticates, and returns the transaction status of the new session.
pub(crate) async fn begin(wire: &mut Wire, options: &Options) -> Result<u8, Error> {
    let is_set = |name: &str| options.settings.iter().any(|(other, _)| other == name);
    let mut parameters = vec![("user", options.user.as_str())];
    parameters.extend(options.database.as_deref().map(|database| ("database", database)));
    parameters.extend(SETTINGS.into_iter().filter(|(name, _)| !is_set(name)));
    let settings = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    parameters.extend(settings);
    frontend::startup_message(parameters, &mut wire.outgoing)?;
    authenticate(wire, options).await?;
    loop {
        match next(wire).await? {
            Message::BackendKeyData(_) => {}
            Message::ReadyForQuery(ready) => return Ok(ready.status()),
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
        match wire.next().await? {
            Message::ErrorResponse(body) => {
                return Err(Error::Server(Box::new(ServerError::read(body.fields())?)));
            }
            Message::NoticeResponse(_) | Message::ParameterStatus(_) => {}
            message => return Ok(message),
        }
    }
}
