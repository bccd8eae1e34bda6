//! The app of the crate's documentation: it doubles `n`, over stdin and stdout.
//!
//! ```sh
//! printf '%s\n' '{"method":"init","data":{"n":21,".clientdata_output_double_hidden":false}}' | cargo run --example double
//! ```
//!
//! What it prints goes to stderr, since stdout is the wire.
#![allow(clippy::print_stdout, reason = "to show where it goes")]

use session_core::{App, Server, Session, shutdown_on_signals};
use transport_stdio::{Config, Framing};

fn server(s: &Session<'_>) -> session_core::Result<()> {
    let n = s.input::<f64>("n")?;
    s.output("double", move |s| {
        let n = n.get(s)?;
        println!("doubling {n}");
        Ok((n * 2.0).to_string())
    })?;
    s.set_message_handler("add", |_s, (a, b): (f64, f64)| Ok(a + b))?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let framing = match std::env::args().nth(1).as_deref() {
        Some("--length") => Framing::Length,
        _ => Framing::Lines,
    };
    let listener = transport_stdio::bind_with(&Config::default().framing(framing))?;
    Server::new(App::new(server)).serve(listener, shutdown_on_signals()).await;
    Ok(())
}
