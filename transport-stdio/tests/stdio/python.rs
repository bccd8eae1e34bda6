use std::process::{Command, Stdio};

use crate::support::example;

/// Ten lines of a language nobody here chose: sets an input, waits for an output, asks for a sum.
const SCRIPT: &str = r#"
import json, subprocess, sys

with subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as app:
    init = {"method": "init", "data": {"n": 21, ".clientdata_output_double_hidden": False}}
    print(json.dumps(init), file=app.stdin)
    for line in app.stdout:
        if not line.startswith("[") and "double" in (values := json.loads(line).get("values", {})):
            print("double", values["double"])
            break
    print(json.dumps({"method": "add", "args": [1, 2], "tag": 7}), file=app.stdin)
    for line in app.stdout:
        if "response" in (message := json.loads(line)):
            print("sum", message["response"]["value"])
            break
    print(json.dumps(["request", 1, {"path": "/session/none/download/none"}]), file=app.stdin)
    print(json.dumps(["end", 1]), file=app.stdin)
    for line in app.stdout:
        if line.startswith("["):
            word, *rest = json.loads(line)
            if word == "response":
                print("status", rest[1]["status"])
            if word == "end":
                break
    print(json.dumps(["close", 1000, "done"]), file=app.stdin)
    for line in app.stdout:
        word, *rest = json.loads(line)
        print(word, rest[0])
        app.stdin.close()
print("exit", app.returncode)
"#;

#[test]
fn ten_lines_of_python_drive_an_app() {
    let python = Command::new("python3")
        .args(["-c", SCRIPT])
        .arg(example("double"))
        .stderr(Stdio::null())
        .output();
    let output = match python {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: there is no python3 here: {error}");
            return;
        }
    };
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "double 42\nsum 3.0\nstatus 404\nclose 1000\nexit 0\n");
}
