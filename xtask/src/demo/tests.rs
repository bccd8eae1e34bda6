//! The configuration files that come with the demo, and that another transport is another line in one.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use session_core::config::ServerConfig;
use session_core::config::toml::Table as Toml;
use session_core::link::{Connect, Frame, Link, ReceiveExt, TransmitExt};
use session_core::{Body, Limits};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::settings::SHIPPED;
use super::*;
use crate::connect::Remote;

fn shipped(name: &str) -> &'static str {
    SHIPPED.iter().find(|(known, ..)| *known == name).map(|(.., text)| *text).unwrap()
}

/// The tables of a file with everything that it shows as a default, by name; of transports, by kind.
fn documented(text: &str) -> Vec<(String, Toml)> {
    let shown = |line: &str| {
        // A default stands behind `# `, what is only an example behind more space.
        let Some(default) = line.strip_prefix("# ") else { return line.to_owned() };
        let is_default = !default.starts_with(' ') && default.parse::<Toml>().is_ok();
        if is_default { default.to_owned() } else { line.to_owned() }
    };
    let text: String = text.lines().map(|line| shown(line) + "\n").collect();
    let mut tables = Vec::new();
    for (name, value) in text.parse::<Toml>().unwrap() {
        if let Some(table) = value.as_table() {
            tables.push((name, table.clone()));
        }
        for transport in value.as_array().into_iter().flatten() {
            let mut table = transport.as_table().unwrap().clone();
            let kind = table.remove("kind").unwrap();
            tables.push((kind.as_str().unwrap().to_owned(), table));
        }
    }
    tables
}

/// What a table gives, and which keys it could have had.
fn read<T: DeserializeOwned + Default + std::fmt::Debug>(table: Toml) -> (String, String, String) {
    let given = format!("{:?}", table.try_into::<T>().unwrap());
    let unknown: Toml = "no_such_key = 0".parse().unwrap();
    (given, format!("{:?}", T::default()), unknown.try_into::<T>().unwrap_err().to_string())
}

#[test]
fn every_default_that_a_file_shows_is_the_real_one_and_none_is_missing() {
    // What has no default, so that a file can only give an example of it.
    let without_default = ["certificate", "key", "development_certificate", "mount", "upload_dir"];
    let mut seen = BTreeSet::new();
    for (file, _, text) in SHIPPED {
        for (name, table) in documented(text) {
            let shown: BTreeSet<_> = table.keys().cloned().collect();
            let (given, default, keys) = match name.as_str() {
                "server" => read::<ServerConfig>(table),
                "session" => read::<Limits>(table),
                "ws" => read::<transport_ws::Config>(table),
                "quic" => read::<transport_quic::Config>(table),
                "stdio" => read::<transport_stdio::Config>(table),
                other => panic!("{file} has a table {other}"),
            };
            if file == "all" && shown.is_empty() {
                continue; // It points to the others.
            }
            assert_eq!(given, default, "{name} in {file}");
            // `unknown field …, expected one of `listen`, `mount`, …`
            let keys = keys.split_once("expected").unwrap().1;
            for key in keys.split('`').skip(1).step_by(2) {
                let documented = shown.contains(key)
                    || (without_default.contains(&key) && text.contains(&format!("#   {key} = ")));
                assert!(documented, "{file} says nothing of {name}.{key}");
            }
            seen.insert(name);
        }
    }
    assert_eq!(seen, ["quic", "server", "session", "stdio", "ws"].map(str::to_owned).into());
}

/// The demo, served as a configuration says, on ports that are free; not over stdio, which is that of the tests.
async fn serve(text: &str) -> (Vec<String>, JoinSet<()>) {
    let text = text.replace(" = \"ws\"\n", " = \"ws\"\nlisten = \"127.0.0.1:0\"\n");
    let text = text.replace(" = \"quic\"\n", " = \"quic\"\nlisten = \"127.0.0.1:0\"\n");
    let text = text.split("[[transport]]\nkind = \"stdio\"").next().unwrap();
    let settings = Settings::of("app.toml".into(), text.to_owned());
    let config = settings.config(None).unwrap();
    let table: &'static Table = Box::leak(Box::new(Table::elements().unwrap()));
    let listener = transports(table, false).bind(&config).await.unwrap();
    let addresses = listener.addresses();
    let mut server = JoinSet::new();
    let app = app::app(table);
    server.spawn(Server::new(app).config(&config).serve(listener, std::future::pending()));
    (addresses, server)
}

/// A person who looks for noble gases, and downloads them: what comes back, without what is different each time.
async fn visit(address: &str) -> Vec<String> {
    let remote = Remote::at(address, &[]).await.unwrap();
    let (mut receive, mut transmit) = remote.link().await.unwrap().split();
    let data = json!({
        "text": "noble", "minimum": null, "minimum_column": "mass",
        ".clientdata_output_count_hidden": false,
        ".clientdata_output_download_hidden": false,
    });
    for message in [
        json!({ "method": "init", "data": data }),
        json!({ "method": "describe", "args": ["mass"], "tag": 1 }),
    ] {
        transmit.send(Frame::Text(message.to_string().into())).await.unwrap();
    }
    let mut frames = Vec::new();
    let mut id = String::new();
    let mut path = String::new();
    let read = async {
        loop {
            let frame = receive.receive().await.unwrap().unwrap();
            let frame: Json = serde_json::from_slice(frame.as_bytes()).unwrap();
            if let Some(session) = frame["config"]["sessionId"].as_str() {
                session.clone_into(&mut id);
            }
            if let Some(link) = frame["values"]["download"].as_str() {
                path =
                    link.split('"').find(|part| part.starts_with("session/")).unwrap().to_owned();
            }
            let answered = frame.get("response").is_some();
            frames.push(frame.to_string());
            if answered {
                break;
            }
        }
    };
    timeout(Duration::from_secs(20), read).await.unwrap();
    let request = http::Request::get(format!("/{path}")).body(Body::empty()).unwrap();
    let response =
        timeout(Duration::from_secs(20), remote.exchange(request)).await.unwrap().unwrap();
    let csv = response.into_body().collect_up_to(10_000).await.unwrap();
    frames.push(String::from_utf8(csv.to_vec()).unwrap());
    let nonce = path.split('=').next_back().unwrap();
    frames.iter().map(|frame| frame.replace(&id, "ID").replace(nonce, "NONCE")).collect()
}

#[tokio::test]
async fn every_file_serves_the_demo_on_every_transport_that_it_names() {
    for (file, _, text) in SHIPPED.iter().filter(|(file, ..)| *file != "stdio") {
        let (addresses, _server) = serve(text).await;
        assert_eq!(addresses.len(), if *file == "all" { 2 } else { 1 }, "{file}");
        for address in addresses {
            let seen = visit(&address).await.join("\n");
            assert!(seen.contains("\"6 of 94\"") && seen.contains("Xenon"), "{file}: {seen}");
        }
    }
}

#[tokio::test]
async fn a_page_knows_the_way_over_quic_where_there_is_one() {
    for (file, expected) in [("ws", false), ("all", true)] {
        let (addresses, _server) = serve(shipped(file)).await;
        let request = http::Request::get("/").body(Body::empty()).unwrap();
        let response = transport_ws::exchange(&addresses[0], request).await.unwrap();
        let page = response.into_body().collect_up_to(100_000).await.unwrap();
        let page = String::from_utf8(page.to_vec()).unwrap();
        let told = page.contains("data-url=\"https://127.0.0.1:");
        assert_eq!(told, expected, "{file}: {page}");
    }
}

#[tokio::test]
async fn another_transport_is_another_line() {
    let (over_ws, _server) = serve(shipped("ws")).await;
    let swapped = shipped("ws").replace("\nkind = \"ws\"\n", "\nkind = \"quic\"\n");
    let changed = swapped.lines().zip(shipped("ws").lines()).filter(|(a, b)| a != b).count();
    assert_eq!((changed, swapped.lines().count()), (1, shipped("ws").lines().count()));
    let (over_quic, _server) = serve(&swapped).await;
    assert!(over_ws[0].starts_with("http://") && over_quic[0].starts_with("quic://"));
    assert_eq!(visit(&over_ws[0]).await, visit(&over_quic[0]).await);
}

fn parse(line: &str, environment: &[(&str, &str)]) -> Result<Options, String> {
    let args: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    let environment =
        environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    match Options::parse(&args, environment) {
        Ok(options) => Ok(options.unwrap()),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// What is said of a start that fails.
async fn said(line: &str, environment: &[(&str, &str)]) -> String {
    let options = parse(line, environment).unwrap();
    let table: &'static Table = Box::leak(Box::new(Table::elements().unwrap()));
    let bound = match options.settings.config(None) {
        Ok(config) => {
            let bound = transports(table, false).bind(&config).await;
            bound.map_err(|error| options.settings.explain(error))
        }
        Err(error) => Err(error),
    };
    format!("{:#}", bound.unwrap_err())
}

#[tokio::test]
async fn a_start_that_fails_names_the_file_or_whoever_else_said_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.toml");
    std::fs::write(&file, "[[transport]]\nkind = \"ws\"\nlinger = \"0s\"\n").unwrap();
    let file = file.display().to_string();
    for (line, environment, expected) in [
        (
            format!("--config {file}"),
            vec![],
            format!("{file}: transport[0].linger = \"0s\": must be"),
        ),
        (
            "--listen nonsense".to_owned(),
            vec![],
            "--listen nonsense: transport[0].listen: ".to_owned(),
        ),
        (
            "--transport quic --set transport.0.listen=x".to_owned(),
            vec![],
            "--set transport.0.listen=x: ".to_owned(),
        ),
        (
            String::new(),
            vec![("DEMO_TRANSPORT__0__LISTEN", taken.as_str())],
            format!(
                "environment DEMO_TRANSPORT__0__LISTEN={taken}: transport[0].listen: {taken} is in use"
            ),
        ),
        (
            "--set transport.0.kind=qiuc".to_owned(),
            vec![],
            "--set transport.0.kind=qiuc: transport[0].kind: this program has no such transport"
                .to_owned(),
        ),
        (
            "--transport quic --set transport.0.certificate=/no/such.pem --set transport.0.key=k"
                .to_owned(),
            vec![],
            "--set transport.0.certificate=/no/such.pem: transport[0].certificate: ".to_owned(),
        ),
        (
            String::new(),
            vec![("DEMO_COLOUR", "red")],
            "environment DEMO_COLOUR=red: colour: unknown field".to_owned(),
        ),
    ] {
        let said = said(&line, &environment).await;
        assert!(said.contains(&expected), "{line} {environment:?}\nsays {said}\nnot  {expected}");
    }
}

#[tokio::test]
async fn a_default_that_is_taken_is_told_with_the_way_around_it() {
    let failure = |value: &str| {
        let text = format!("[[transport]]\nkind = \"failing\"\n{value}");
        async move {
            let settings = Settings::of("app.toml".into(), text);
            let config = settings.config(None).unwrap();
            let bound = Transports::new().with(Failing).bind(&config).await;
            settings.explain(bound.unwrap_err()).to_string()
        }
    };
    assert_eq!(
        failure("").await,
        "app.toml: transport[0].listen: it is taken; `--listen 127.0.0.1:0` takes any free port"
    );
    assert_eq!(
        failure("listen = \"a\"").await,
        "app.toml: transport[0].listen = \"a\": it is taken"
    );
}

/// A transport whose address is always taken.
struct Failing;

#[async_trait::async_trait]
impl session_core::config::Transport for Failing {
    const KIND: &'static str = "failing";
    type Config = Toml;
    type Listener = session_core::link::MemoryListener;

    async fn bind(&self, _: Toml) -> Result<Self::Listener, session_core::config::BindFailure> {
        Err(session_core::config::BindFailure::of_key("listen", "it is taken"))
    }
}

#[tokio::test]
async fn two_transports_do_not_share_a_port() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let line =
        format!("--listen {address} --set transport.1.kind=ws --set transport.1.listen={address}");
    let said = said(&line, &[]).await;
    assert!(said.contains("transport[1].listen") && said.contains("is in use"), "{said}");
    assert!(said.contains("transport[0].listen is the same"), "{said}");
}

#[test]
fn the_command_line_goes_over_the_environment_and_both_over_the_file() {
    let environment = [("DEMO_SESSION__INPUTS", "6"), ("DEMO_SESSION__DEPTH", "6")];
    let options = parse("--set session.inputs=7", &environment).unwrap();
    let limits = options.settings.config(None).unwrap().session;
    assert_eq!((limits.inputs, limits.depth, limits.requests), (7, 6, 256));
}

#[test]
fn what_is_not_taken_is_told() {
    for (line, expected) in [
        ("--colour", "does not take `--colour`"),
        ("--config", "`--config` needs a value"),
        ("--config a --transport ws", "say one of them"),
        ("--transport pigeon", "there is no transport `pigeon`"),
        ("--config no/such.toml", "no/such.toml"),
        ("--text a", "which is not there"),
        ("--set x", "--set x: is not KEY=VALUE"),
    ] {
        let said = parse(line, &[]).unwrap_err();
        assert!(said.contains(expected), "{line}: {said}");
    }
    let said = parse("", &[("DEMO___X", "1")]).unwrap_err();
    assert!(said.starts_with("environment DEMO___X=1"), "{said}");
}

#[test]
fn people_are_told_where_and_how_to_get_in() {
    let addresses =
        ["http://127.0.0.1:8000/".to_owned(), "quic://127.0.0.1:4433/#sha256=ab".to_owned()];
    assert_eq!(
        words("elements.csv", &addresses, true),
        [
            "serving elements.csv at http://127.0.0.1:8000/",
            "and with the Shiny client at http://127.0.0.1:8000/shiny/",
            "and at quic://127.0.0.1:4433/#sha256=ab",
            "with its session over QUIC: http://127.0.0.1:8000/?transport=webtransport",
            "in a terminal: cargo xtask connect 'http://127.0.0.1:8000/'",
            "Ctrl+C ends it",
        ]
    );
    let over_stdio = words("elements.csv", &["stdio".to_owned()], false);
    assert_eq!(over_stdio, ["serving elements.csv at stdio", "Ctrl+C ends it"]);
}
