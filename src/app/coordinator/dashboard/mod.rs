//! The dashboard: a page, a stream of events for it, metrics and health, over HTTP, from the program itself.
//!
//! It reads snapshots and sends what a client could send; it decides nothing. Whoever may look and act: `token`.

mod events;
pub mod metrics;
mod rows;
mod token;

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

pub use token::Token;

use super::window::Window;
use crate::app::StartError;
use crate::fed::RunId;
use crate::net::http::{self, Method, Request, Response};
use crate::net::{Server, listen};
use events::Events;
use token::{Guard, Wish};

/// Where a dashboard listens if it is not told.
pub const DEFAULT: &str = "127.0.0.1:8105";

/// The core is waited for no longer than this where its health is asked.
const PATIENCE: Duration = Duration::from_secs(1);

/// What browsers may do with the page: what came from here, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page is made of: path, type and bytes.
const FILES: [(&str, &str, &str); 8] = [
    ("/", HTML, include_str!("page.html")),
    (
        "/style.css",
        "text/css; charset=utf-8",
        include_str!("style.css"),
    ),
    ("/icon.svg", "image/svg+xml", include_str!("icon.svg")),
    ("/script.js", SCRIPT, include_str!("script.js")),
    ("/chart.js", SCRIPT, include_str!("chart.js")),
    ("/timeline.js", SCRIPT, include_str!("timeline.js")),
    ("/tables.js", SCRIPT, include_str!("tables.js")),
    ("/text.js", SCRIPT, include_str!("text.js")),
];
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// How a dashboard is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub address: SocketAddr,
    /// What allows to act, and elsewhere than on this machine to look; drawn by chance if none.
    pub token: Option<Token>,
}

/// A running dashboard. Dropping it stops it.
pub struct Dashboard {
    server: Server,
    token: Token,
    /// Dropped to end the streams.
    end: Option<Sender<()>>,
}

impl Dashboard {
    /// Starts listening.
    ///
    /// # Errors
    /// When there is no chance for a token, or the port cannot be had.
    pub fn start(config: Config, window: Window) -> Result<Dashboard, StartError> {
        let token = config.token.map_or_else(Token::draw, Ok)?;
        let cannot = |error: &_| StartError::listening(config.address, error);
        let listener = listen(config.address).map_err(|error| cannot(&error))?;
        if !config.address.ip().is_loopback() {
            let address = config.address;
            log::warn!(
                "dashboard at {address}: whoever has its token, which travels unencrypted, can use it"
            );
        }
        let (end, ended) = bounded(0);
        let site = Site {
            guard: Guard::new(token.clone(), config.address.ip()),
            window: Arc::new(window),
            ended,
        };
        let limits = http::limits();
        let server = http::serve(listener, limits, move |request: &Request| {
            site.answer(request)
        });
        Ok(Dashboard {
            server: server.map_err(|error| cannot(&error))?,
            token,
            end: Some(end),
        })
    }

    /// Where a browser finds it, with the token.
    pub fn url(&self) -> String {
        let address = reachable(self.server.address());
        format!("http://{address}/?token={}", self.token)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.end = None;
        self.server.stop(Duration::ZERO);
    }
}

/// An address that a program on this machine can connect to.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let mut address = listening;
    if listening.ip().is_unspecified() {
        address.set_ip(match listening {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// What requests are answered from.
struct Site {
    guard: Guard,
    window: Arc<Window>,
    ended: Receiver<()>,
}

impl Site {
    fn answer(&self, request: &Request) -> Response {
        hardened(self.route(request).unwrap_or_else(|refused| refused))
    }

    fn route(&self, request: &Request) -> Result<Response, Response> {
        if request.method == Method::Post {
            return self.act(request);
        }
        let path = request.path.as_str();
        if let Some((_, kind, text)) = FILES.iter().find(|(known, _, _)| *known == path) {
            self.guard.check(request, Wish::Page)?;
            return Ok(Response::new(200, kind, text.as_bytes()));
        }
        match path {
            "/healthz" => Ok(Response::text(200, "ok")),
            "/readyz" => Ok(match self.window.unready(PATIENCE) {
                None => Response::text(200, "ready"),
                Some(reason) => Response::text(503, &reason),
            }),
            "/metrics" => {
                self.guard.check(request, Wish::Look)?;
                let text = metrics::write(&self.window);
                Ok(Response::new(200, metrics::KIND, text.into_bytes()))
            }
            "/events" => {
                self.guard.check(request, Wish::Look)?;
                let events = Events::new(self.window.clone(), self.ended.clone(), request);
                Ok(Response::feed("text/event-stream", events))
            }
            _ => Err(Response::text(
                404,
                "there is nothing here; the dashboard is at /",
            )),
        }
    }

    /// Does what is asked of a run: `/runs/ID/cancel`, `/runs/ID/resume`.
    fn act(&self, request: &Request) -> Result<Response, Response> {
        let parts: Vec<&str> = request.path.split('/').collect();
        let ["", "runs", run, what @ ("cancel" | "resume")] = parts[..] else {
            let known = FILES.iter().any(|(path, _, _)| *path == request.path);
            return Err(match known {
                true => Response::text(405, "this is only to be read").with("Allow", "GET, HEAD"),
                false => Response::text(404, "there is nothing here"),
            });
        };
        self.guard.check(request, Wish::Act)?;
        let run = RunId(run.to_owned());
        let done = match what {
            "cancel" => self.window.cancel(&run),
            _ => self.window.resume(&run),
        };
        match done {
            Ok(()) => Ok(Response::text(200, "done")),
            Err((status, reason)) => Err(Response::text(status, &reason)),
        }
    }
}

/// The same with what keeps browsers careful.
fn hardened(response: Response) -> Response {
    let headers: [(&'static str, &'static str); 6] = [
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ];
    headers
        .into_iter()
        .fold(response, |response, (name, value)| {
            response.with(name, Cow::Borrowed(value))
        })
}
