use serde_json::json;
use session_core::link::{CloseCode, Listener, TransmitExt, memory};
use session_core::{Action, App, CloseReason, Result, Server, Session, safe};

use super::*;
use crate::connect::Remote;
use crate::connect::screen::Style;

/// Something of everything that a client can meet.
fn app() -> App {
    App::new(|s: &Session<'_>| {
        s.set_message_handler("page", |_, ()| {
            Ok(json!({
                "inputs": { "n:shiny.number": 1, "reset:shiny.action": 0 },
                "outputs": ["double", "root", "file"],
            }))
        })?;
        everything(s)
    })
}

fn everything(s: &Session<'_>) -> Result<()> {
    let n = s.input::<f64>("n")?;
    s.output("double", move |s| Ok((n.get(s)? * 2.0).to_string()))?;
    s.output("root", move |s| match n.get(s)? {
        n if n < 0.0 => Err(safe(format!("{n} has no root")).into()),
        n => Ok(n.sqrt()),
    })?;
    // Done once a task of the runtime has had its turn: in progress first, then there.
    s.output_async("later", move |s| {
        let n = n.get(s)?;
        Ok(async move {
            let done = tokio::spawn(async move { n + 0.5 }).await;
            done.map_err(|error| safe(error.to_string()).into())
        })
    })?;
    s.set_message_handler("add", |_, (a, b): (f64, f64)| Ok(a + b))?;
    s.set_message_handler("say", |s, (text,): (String,)| s.send_custom_message("said", &text))?;
    s.set_message_handler("bytes", |s, ()| s.send_binary_message("raw", &[0; 3]))?;
    s.set_message_handler("end", |s, (code, text): (u16, String)| {
        match CloseCode::new(code) {
            Some(code) => s.close_with(CloseReason::new(code, text)),
            None => s.close(),
        }
        Ok(())
    })?;
    s.on_event(s.input::<Action>("reset")?, |s, _| {
        s.send_input_message("n", &json!({ "value": 100 }))
    });
    let url = s.dynamic_route("data.txt", move |s, _| Ok(format!("n is {}", n.get(s)?)))?;
    let files = s.file_input("files")?;
    s.output("uploaded", move |s| {
        let files = files.get(s)?;
        Ok(files
            .iter()
            .map(|file| format!("{} of {}", file.size(), file.media_type()))
            .collect::<Vec<_>>())
    })?;
    s.output("file", move |_| Ok(format!("<a href=\"{url}\">The data</a>")))
}

const SCRIPT: &str = r#"
# Every kind of command, and what comes of it before the next one.
n=21
n = -1
call add 1 2
call add x
call nobody
call say "two words"
call bytes
show later
n=16
hide root
n=9
reset=1
print file
print root
get data.txt > FILE
get session/00/dynamic_route/x > FILE
get nothing > FILE
show nothing
show uploaded
upload files FILE.txt
upload files FILE.txt FILE.txt
upload files /no/such/file
upload m-files FILE.txt
upload
nonsense
quit
never read
"#;

/// What comes to stdout: the session's own words.
const SAID: &str = "\
double = 2
file = The data (get data.txt)
root = 1.0
double = 42
root = 4.58257569495584
double = -2
root ! -1 has no root
add(1, 2) = 3.0
add(\"x\") ! the arguments do not fit: invalid type: string \"x\", expected f64 at line 1 column 4
nobody() ! Unknown method: nobody
said: two words
say(\"two words\") = null
raw: 3 bytes
bytes() = null
later = -0.5
double = 32
root = 4.0
later = 16.5
double = 18
later = 9.5
double = 200
later = 100.5
file = The data
data.txt = 8 bytes in FILE
session/00/dynamic_route/x ! 404 Not Found: {\"detail\":\"Not Found\"}
nothing ! no path, and the session gave out nothing by that name
files = 1 file, 100.0 kB
uploaded = [\"100000 of text/plain\"]
files = 2 files, 200.0 kB
uploaded = [\"100000 of text/plain\",\"100000 of text/plain\"]
files ! cannot read /no/such/file: No such file or directory (os error 2)
m-files ! there is no such input any more
";

/// What comes to stderr: words about it.
const ASIDE: &str = "\
later is worked on
later is worked on
later is worked on
the server sets n=100
later is worked on
root shows nothing
nothing shows nothing yet: inputs that it reads are not set, or there is no such output
uploaded shows nothing yet: inputs that it reads are not set, or there is no such output
an upload needs an input and files: upload name file…: upload
that is no command; `help` tells what can be typed: nonsense
";

const IN_TURN: Manner = Manner { show: None, pace: Pace::InTurn, at_end: AtEnd::Leave };

/// How a script goes: the end, what the session says, what is said about it.
async fn run<C: Connect>(remote: C, script: &str, manner: Manner) -> (Ending, String, String) {
    let (sender, lines) = mpsc::channel(script.lines().count().max(1));
    for line in script.lines() {
        sender.send(line.to_owned()).await.unwrap();
    }
    drop(sender);
    let screen = Screen::new((Vec::new(), Style::Plain), (Vec::new(), Style::Plain));
    let talk = talk(Arc::new(remote), lines, screen, manner, std::future::pending());
    let (ending, screen) = timeout(Duration::from_secs(30), talk).await.unwrap().unwrap();
    let (out, err) = screen.into_inner();
    (ending, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// Serves an app over one listener until it is dropped.
fn serve<L: Listener>(app: App, listener: L) -> JoinSet<()> {
    let mut server = JoinSet::new();
    server.spawn(Server::new(app).serve(listener, std::future::pending()));
    server
}

/// An app in memory, and its script.
async fn in_memory(app: App, script: &str, manner: Manner) -> (Ending, String, String) {
    let (connector, listener) = memory(1 << 20);
    let _server = serve(app, listener);
    run(connector, script, manner).await
}

async fn converses<C: Connect>(remote: C) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data");
    let name = file.display().to_string();
    std::fs::write(file.with_extension("txt"), vec![b'x'; 100_000]).unwrap();
    let (ending, said, aside) = run(remote, &SCRIPT.replace("FILE", &name), IN_TURN).await;
    assert_eq!(said, SAID.replace("FILE", &name), "{aside}");
    assert_eq!(aside, ASIDE);
    assert!(matches!(ending, Ending::Left), "{ending:?}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "n is 100");
}

#[tokio::test]
async fn a_script_reads_like_a_conversation_in_memory() {
    let (connector, listener) = memory(1 << 20);
    let _server = serve(app(), listener);
    converses(connector).await;
}

#[tokio::test]
async fn a_script_reads_like_a_conversation_over_websocket() {
    let listener = transport_ws::bind("127.0.0.1:0").await.unwrap();
    let address = listener.address();
    let _server = serve(app(), listener);
    converses(Remote::at(&address, &[]).await.unwrap()).await;
}

#[tokio::test]
async fn a_script_reads_like_a_conversation_over_quic() {
    let listener = transport_quic::bind("127.0.0.1:0").await.unwrap();
    let address = listener.address();
    let _server = serve(app(), listener);
    converses(Remote::at(&address, &[]).await.unwrap()).await;
}

#[tokio::test]
async fn what_is_named_at_the_start_is_shown_and_nothing_else() {
    let manner = Manner { show: Some(vec!["double".into(), "nothing".into()]), ..IN_TURN };
    let (_, said, aside) = in_memory(app(), "n=2", manner).await;
    assert_eq!(said, "double = 4\n");
    let nothing = "shows nothing yet: inputs that it reads are not set, or there is no such output";
    assert_eq!(aside, format!("double {nothing}\nnothing {nothing}\n"));
}

#[tokio::test]
async fn an_app_that_does_not_tell_its_outputs_shows_what_is_asked_for() {
    let (_, said, aside) = in_memory(App::new(everything), "n=2\nshow double\nn=3", IN_TURN).await;
    assert_eq!(said, "double = 4\ndouble = 6\n");
    assert!(aside.starts_with("the app does not tell which outputs it has"), "{aside}");
}

#[tokio::test]
async fn the_end_that_the_server_makes_is_told_by_its_code() {
    for (code, expected, orderly) in [
        (0, "the server ended the session (code 1001)", true),
        (4321, "the app ended the session with a code of its own (code 4321): as asked", true),
        (1013, "the server is full: come back later (code 1013): as asked", false),
    ] {
        let script = format!("call end {code} \"as asked\"\nnever sent");
        let (ending, ..) = in_memory(app(), &script, IN_TURN).await;
        assert_eq!((ending.words().as_str(), ending.is_orderly()), (expected, orderly));
    }
}

#[tokio::test]
async fn an_app_that_fails_at_the_start_is_a_refusal() {
    let app = App::new(|_| Err(safe("nothing works").into()));
    let (ending, ..) = in_memory(app, "n=1", IN_TURN).await;
    assert!(!ending.is_orderly());
    assert!(ending.words().starts_with("the app failed (code 1011)"), "{}", ending.words());
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_abort() {
    let (connector, mut listener) = memory(1 << 20);
    let gone = async { drop(listener.accept().await) };
    let (talked, ()) = tokio::join!(run(connector, "n=1", IN_TURN), gone);
    let (ending, ..) = talked;
    assert!(matches!(ending, Ending::Lost(_)) && !ending.is_orderly(), "{ending:?}");
}

#[tokio::test]
async fn whoever_follows_stays_until_the_server_ends_the_session() {
    let app = App::new(|s: &Session<'_>| {
        let count = s.value(0u32);
        s.output("count", move |s| {
            s.invalidate_later(Duration::from_millis(1))?;
            let now = count.with(&s.isolate(), |count| *count)?;
            if now == 3 {
                s.close();
            }
            count.set(s, now + 1)?;
            Ok(now)
        })
    });
    let manner =
        Manner { show: Some(vec!["count".into()]), pace: Pace::InTurn, at_end: AtEnd::Follow };
    let (ending, said, _) = in_memory(app, "", manner).await;
    assert!(matches!(ending, Ending::Closed(Some(_))), "{ending:?}");
    assert!(said.contains("count = 2\n"), "{said}");
}

#[tokio::test]
async fn a_person_who_leaves_at_once_has_said_everything_first() {
    let (connector, listener) = memory(1 << 20);
    let seen = Arc::new(std::sync::Mutex::new(None));
    let heard = seen.clone();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<f64>("n")?;
        let heard = heard.clone();
        s.effect(move |s| {
            *heard.lock().unwrap() = Some(n.get(s)?);
            Ok(())
        });
        Ok(())
    });
    let mut server = serve(app, listener);
    let manner = Manner { pace: Pace::AsTyped, ..IN_TURN };
    run(connector, "n=7\nquit", manner).await;
    timeout(Duration::from_secs(10), server.join_next()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(7.0));
}

#[tokio::test]
async fn somebody_who_interrupts_leaves_in_good_order() {
    let (connector, listener) = memory(1 << 20);
    let _server = serve(app(), listener);
    let (_lines, lines) = mpsc::channel(1);
    let screen = Screen::new((Vec::new(), Style::Plain), (Vec::new(), Style::Plain));
    let talk = talk(Arc::new(connector), lines, screen, IN_TURN, std::future::ready(()));
    let (ending, _) = timeout(Duration::from_secs(10), talk).await.unwrap().unwrap();
    assert!(matches!(ending, Ending::Left));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_busy_for_long_is_said_to_be() {
    let app = App::new(|s: &Session<'_>| {
        let url = s.dynamic_route_async("slow", |_, _| {
            Ok(async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok("done")
            })
        })?;
        s.output("url", move |_| Ok(url.clone()))
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slow");
    let manner = Manner { show: Some(vec!["url".into()]), ..IN_TURN };
    let script = format!("get slow > {}", file.display());
    let (.., aside) = in_memory(app, &script, manner).await;
    assert_eq!(aside, "the session is busy\nthe session is done, after 5 s\n");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "done");
}

#[tokio::test]
async fn a_download_has_a_bar_on_a_terminal_which_is_gone_at_its_end() {
    let app = App::new(|s: &Session<'_>| {
        let url = s.dynamic_route("big", |_, _| Ok(vec![7; 1 << 20]))?;
        s.output("url", move |_| Ok(url.clone()))
    });
    let (connector, listener) = memory(1 << 20);
    let _server = serve(app, listener);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("big");
    let (sender, lines) = mpsc::channel(1);
    sender.send(format!("get big > {}", file.display())).await.unwrap();
    drop(sender);
    let screen = Screen::new((Vec::new(), Style::Plain), (Vec::new(), Style::Terminal));
    let manner = Manner { show: Some(vec!["url".into()]), ..IN_TURN };
    let talk = talk(Arc::new(connector), lines, screen, manner, std::future::pending());
    let (_, screen) = timeout(Duration::from_secs(30), talk).await.unwrap().unwrap();
    let (out, err) = screen.into_inner();
    let (said, bars) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    assert!(said.ends_with(&format!("big = 1048576 bytes in {}\n", file.display())), "{said}");
    assert!(!said.contains('\x1b'), "{said}");
    assert!(bars.contains("big [") && bars.contains("% of 1.0 MB"), "{bars}");
    assert!(bars.ends_with("\r\x1b[2K"), "{bars:?}");
    assert_eq!(std::fs::metadata(file).unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn an_upload_has_a_bar_on_a_terminal_and_says_why_it_was_refused() {
    let (connector, listener) = memory(1 << 20);
    let mut limits = session_core::Limits::default();
    limits.upload_file_bytes = 1 << 20;
    let server = Server::new(app()).limits(limits);
    let mut serving = JoinSet::new();
    serving.spawn(server.serve(listener, std::future::pending()));
    let folder = tempfile::tempdir().unwrap();
    let (file, larger) = (folder.path().join("file"), folder.path().join("larger"));
    std::fs::write(&file, vec![7; 1 << 20]).unwrap();
    std::fs::write(&larger, vec![7; (1 << 20) + 1]).unwrap();
    let (sender, lines) = mpsc::channel(2);
    for file in [&file, &larger] {
        sender.send(format!("upload files {}", file.display())).await.unwrap();
    }
    drop(sender);
    let screen = Screen::new((Vec::new(), Style::Plain), (Vec::new(), Style::Terminal));
    let manner = Manner { show: Some(Vec::new()), ..IN_TURN };
    let talk = talk(Arc::new(connector), lines, screen, manner, std::future::pending());
    let (_, screen) = timeout(Duration::from_secs(30), talk).await.unwrap().unwrap();
    let (out, err) = screen.into_inner();
    let (said, bars) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    let refused = "files ! a file has 1048577 bytes, where 1048576 are allowed";
    assert_eq!(said, format!("files = 1 file, 1.0 MB\n{refused}\n"));
    assert!(bars.contains("files [") && bars.contains("% of 1.0 MB"), "{bars}");
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_an_error() {
    let (connector, mut listener) = memory(1 << 20);
    let stranger = async {
        let Some(session_core::link::Incoming::Link(link)) = listener.accept().await else {
            return;
        };
        let (mut receive, mut transmit) = link.split();
        transmit.send(Frame::Text("220 mail ready".into())).await.unwrap();
        while let Ok(Some(_)) = receive.receive().await {}
    };
    let (_lines, lines) = mpsc::channel(1);
    let screen = Screen::new((Vec::new(), Style::Plain), (Vec::new(), Style::Plain));
    let talk = talk(Arc::new(connector), lines, screen, IN_TURN, std::future::pending());
    let (talked, ()) = tokio::join!(talk, stranger);
    let error = talked.err().unwrap().to_string();
    assert_eq!(error, "the server sent what is no message of a session");
}
