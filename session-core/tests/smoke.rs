//! The shortest way through everything.

use std::time::Duration;

use session_core::testing::Client;
use session_core::{App, Session, Shared};

#[tokio::test(start_paused = true)]
async fn an_output_follows_its_input() {
    let app = App::new(|s: &Session<'_>| {
        let n = s.input::<f64>("n")?;
        let double = s.calc(move |s| Ok(n.get(s)? * 2.0));
        s.output("double", move |s| Ok(double.get(s)?.to_string()))?;
        s.set_message_handler("add", |_s, (a, b): (f64, f64)| Ok(a + b))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("n:shiny.number", 21).show("double").flush().await;
    assert_eq!(client.output::<String>("double"), Ok("42".into()));
    client.frames();
    client.set("n:shiny.number", 4).flush().await;
    let frames: Vec<String> = client.frames().iter().map(ToString::to_string).collect();
    assert_eq!(frames.len(), 3, "{frames:#?}");
    assert_eq!(client.output::<String>("double"), Ok("8".into()));
    assert_eq!(client.call("add", (1, 2)).await, Ok(3.0.into()));
    assert_eq!(client.call("sub", (1, 2)).await, Err("Unknown method: sub".into()));
}

#[tokio::test(start_paused = true)]
async fn timers_modules_shared_values_and_async_outputs_work_together() {
    let shared = Shared::new(1_u32);
    let seen = shared.clone();
    let app = App::new(move |s: &Session<'_>| {
        let seen = seen.clone();
        s.output("shared", move |s| seen.get(s))?;
        s.set_message_handler("open", move |s, (id,): (String,)| {
            let m = s.module(&id)?;
            let ticks = m.value(0);
            m.output("tick", move |s| {
                s.invalidate_later(Duration::from_secs(1))?;
                ticks.update(&s.isolate(), |n| *n += 1)?;
                ticks.get(&s.isolate())
            })?;
            m.output_async("slow", move |_| {
                Ok(async {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    Ok("done")
                })
            })
        })?;
        s.set_message_handler("shut", move |s, (id,): (String,)| s.destroy_module(&id))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.show("shared").show("a-tick").show("a-slow").flush().await;
    assert_eq!(client.output::<u32>("shared"), Ok(1));
    client.call("open", ("a",)).await.unwrap();
    assert_eq!(client.output::<u32>("a-tick"), Ok(1));
    client.advance(Duration::from_secs(1)).await;
    assert_eq!(client.output::<u32>("a-tick"), Ok(2));
    shared.set(2);
    client.settle().await;
    assert_eq!(client.output::<u32>("shared"), Ok(2));
    for _ in 0..4 {
        client.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(client.output::<String>("a-slow"), Ok("done".into()));
    client.call("shut", ("a",)).await.unwrap();
    assert_eq!(client.counts().timers, 0);
    assert_eq!(client.counts().scopes, 1);
    client.disconnect().await;
}

// spec: H12
#[tokio::test(start_paused = true)]
async fn what_the_client_says_of_an_output_that_has_left_the_page_is_not_kept() {
    let app = App::new(|s: &Session<'_>| {
        s.set_message_handler("open", |s, ()| s.module("m")?.output("out", |_| Ok(1)))?;
        s.set_message_handler("shut", |s, ()| s.destroy_module("m"))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    let before = client.counts();
    for _ in 0..3 {
        client.call("open", ()).await.unwrap();
        client.show("m-out").flush().await;
        assert_eq!(client.output::<u32>("m-out"), Ok(1));
        client.call("shut", ()).await.unwrap();
        client.hide("m-out").flush().await;
        assert_eq!(client.counts(), before);
    }
}
