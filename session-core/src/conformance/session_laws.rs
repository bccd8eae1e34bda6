//! The laws of sessions, over a live link: an app that does what it is asked, and a scripted client.
//!
//! | file | what |
//! |---|---|
//! | `interface` | outputs, requests, messages, callbacks of a flush, handles |
//! | `page` | everything else that a page can be told |
//! | `modules` | namespaces, and what destroying one takes |
//! | `routes` | requests beside the link |
//! | `downloads` | downloads, and services mounted as routes |
//! | `identity` | who gets a session, and as whom |
//! | `uploads` | files beside the link |
//! | `ends` | every way to end, and its code |
//! | `work` | extended tasks, async calcs, requests with blobs |
//! | `transcript` | the same script gives the same transcript |
//! | `app`, `stage`, `peer` | the app, the server that runs it, the client that plays |

use super::law::Law;

mod app;
mod downloads;
mod ends;
mod identity;
mod interface;
mod modules;
mod page;
mod peer;
mod routes;
mod stage;
mod transcript;
mod uploads;
mod work;

/// Every law of sessions.
pub(super) fn laws() -> impl Iterator<Item = &'static Law> {
    [
        interface::LAWS,
        page::LAWS,
        modules::LAWS,
        routes::LAWS,
        downloads::LAWS,
        identity::LAWS,
        uploads::LAWS,
        ends::LAWS,
        work::LAWS,
        transcript::LAWS,
    ]
    .into_iter()
    .flatten()
}
