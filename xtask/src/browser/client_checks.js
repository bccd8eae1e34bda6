// What client.js promises, told to it by a socket that is played here. Each check gets a page of its own:
// the command opens client.html, then calls `checks.run(name)` and prints what it says.

const checks = (() => {
  "use strict";

  const all = new Map();
  const frames = []; // what the client sent, parsed
  const sockets = [];

  window.createSessionSocket = (url) => {
    const socket = { url, send: (text) => frames.push(JSON.parse(text)), close() {} };
    sockets.push(socket);
    return socket;
  };

  // ---- what a check may use

  const byId = (id) => document.getElementById(id);
  const last = (list) => list[list.length - 1];
  const say = (message) => last(sockets).onmessage({ data: JSON.stringify(message) });
  const flush = (values, errors = {}, inputMessages = []) => say({ values, errors, inputMessages });
  const hangUp = (code, reason = "") => last(sockets).onclose({ code, reason });

  function welcome() {
    last(sockets).onopen();
    say({ config: { workerId: "", sessionId: "abc", user: null } });
    return frames.splice(0)[0];
  }

  // All updates that the client sends in this turn, as one map.
  async function updates() {
    await new Promise((resolve) => setTimeout(resolve));
    return Object.assign({}, ...frames.splice(0).filter(({ method }) => method === "update").map(({ data }) => data));
  }

  async function until(condition, what) {
    for (const start = performance.now(); performance.now() - start < 5000; ) {
      if (condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited in vain for ${what}`);
  }

  function same(got, wanted) {
    const [a, b] = [got, wanted].map((value) => JSON.stringify(value));
    if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
  }

  function type(id, value) {
    byId(id).value = value;
    byId(id).dispatchEvent(new Event("input", { bubbles: true }));
  }

  const add = (html) =>
    say({ "shiny-insert-ui": { selector: "#place", multiple: false, where: "beforeEnd", content: { html, deps: [] } } });
  const remove = (selector) => say({ "shiny-remove-ui": { selector, multiple: true } });

  // ---- the checks

  all.set("init carries every input with its type, and what the page is like", () => {
    const { method, data } = welcome();
    same(method, "init");
    const page = Object.keys(data).filter((key) => key.startsWith(".clientdata_"));
    same(page.sort(), [
      ".clientdata_output_far_hidden",
      ".clientdata_output_html_hidden",
      ".clientdata_output_text_hidden",
      ".clientdata_output_unseen_hidden",
      ".clientdata_pixelratio",
      ".clientdata_singletons",
      ".clientdata_url_hash",
      ".clientdata_url_hash_initial",
      ".clientdata_url_hostname",
      ".clientdata_url_pathname",
      ".clientdata_url_port",
      ".clientdata_url_protocol",
      ".clientdata_url_search",
    ]);
    same([data[".clientdata_output_text_hidden"], data[".clientdata_output_unseen_hidden"]], [false, true]);
    for (const key of page) delete data[key];
    same(data, {
      words: "hi",
      "count:shiny.number": 3,
      "secret:shiny.password": "s",
      "day:shiny.date": "2024-01-02",
      "level:shiny.number": 4,
      on: false,
      one: "b",
      many: ["a", "b"],
      long: "x",
      pick: "2",
      boxes: ["1"],
      "go:shiny.action": 0,
    });
  });

  all.set("the socket's address is the page's, with websocket/ below it", () => {
    same(last(sockets).url.endsWith("/client.html/websocket/"), true);
  });

  all.set("typing is sent after a pause, once", async () => {
    welcome();
    for (const words of ["a", "ab", "abc"]) type("words", words);
    same(await updates(), {});
    await until(() => frames.length, "the update");
    same(frames, [{ method: "update", data: { words: "abc" } }]);
  });

  all.set("what was typed before a click arrives before it", async () => {
    welcome();
    byId("go").form.addEventListener("submit", () => console.error("the form was submitted"));
    type("words", "abc");
    byId("go").firstChild.click();
    same(await updates(), { words: "abc", "go:shiny.action": 1 });
    byId("go").click();
    same(await updates(), { "go:shiny.action": 2 });
  });

  all.set("a field that waits for its end is sent then", async () => {
    welcome();
    byId("long").dataset.updateOn = "blur";
    type("long", "y");
    type("words", "w");
    await until(() => frames.length, "the update of the other field");
    same(await updates(), { words: "w" });
    byId("long").dispatchEvent(new Event("change", { bubbles: true }));
    same(await updates(), { long: "y" });
  });

  all.set("an empty number is null, an empty date too", async () => {
    welcome();
    type("count", "");
    type("day", "");
    byId("go").click();
    same(await updates(), { "count:shiny.number": null, "day:shiny.date": null, "go:shiny.action": 1 });
  });

  all.set("an unchanged value is not sent again, an event is", async () => {
    welcome();
    session.set("a", 1);
    session.set("a", 1, { event: true });
    same(frames.splice(0), [{ method: "update", data: { a: 1 } }, { method: "update", data: { a: 1 } }]);
    session.set("a", 1);
    session.set("b", 1, { type: "my.type" });
    session.set("c", undefined);
    same(await updates(), { "b:my.type": 1, c: null });
  });

  all.set("choices in groups and lists are reported", async () => {
    welcome();
    byId("boxes").children[0].click();
    byId("pick").children[0].click();
    byId("on").click();
    same(await updates(), { boxes: [], pick: "1", on: true });
  });

  all.set("an output that comes to light is reported", async () => {
    welcome();
    // Observers call once by themselves; that must not pass for having seen the change.
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    const ids = { closed: "unseen", below: "far" }; // one without a size, one out of sight
    for (const [around, id] of Object.entries(ids)) {
      byId(around).hidden = false;
      await until(() => frames.length, "the report");
      same(await updates(), { [`.clientdata_output_${id}_hidden`]: false });
    }
  });

  all.set("a recalculating output looks busy until its value is there", () => {
    welcome();
    const look = () => [byId("text").classList.contains("recalculating"), byId("text").ariaBusy];
    say({ recalculating: { name: "text", status: "recalculating" }, busy: "busy" });
    same([...look(), document.documentElement.className], [true, "true", "shiny-busy"]);
    say({ recalculating: { name: "text", status: "recalculated" }, busy: "idle", values: { text: 4 }, errors: {} });
    same([...look(), byId("text").textContent, document.documentElement.className], [false, "false", "4", ""]);
    say({ progress: { type: "binding", message: { id: "text" } } });
    same(look(), [true, "true"]);
    say({ recalculating: { name: "text", status: "recalculating" } });
    say({ recalculating: { name: "text", status: "recalculated" }, values: {}, errors: {} });
    same([...look(), byId("text").textContent], [false, "false", "4"]);
  });

  all.set("an output whose work goes on stays busy over other answers", () => {
    welcome();
    say({ recalculating: { name: "text", status: "recalculating" } });
    say({ progress: { type: "binding", message: { id: "text", persistent: true } } });
    flush({ html: "other" });
    same(byId("text").classList.contains("recalculating"), true);
    say({ progress: { type: "binding", message: { id: "text" } } });
    say({ recalculating: { name: "text", status: "recalculating" } });
    say({ recalculating: { name: "text", status: "recalculated" }, values: { text: "done" }, errors: {} });
    same(byId("text").classList.contains("recalculating"), false);
  });

  all.set("markup in a text output stays text", () => {
    welcome();
    flush({ text: "<img src=x>" });
    same([byId("text").textContent, byId("text").children.length], ["<img src=x>", 0]);
    flush({}, { text: { message: "<b>no</b>", call: null, type: null } });
    same([byId("text").textContent, byId("text").children.length], ["<b>no</b>", 0]);
  });

  all.set("an error is shown as one, and a value clears it", () => {
    welcome();
    flush({}, { html: { message: "boom", call: null, type: "validation" } });
    same(byId("html").textContent, "boom");
    same(byId("html").matches(".shiny-output-error.shiny-output-error-validation"), true);
    flush({ html: "<i>fine</i>" });
    same([byId("html").innerHTML, byId("html").matches("[class*=shiny-output-error]")], ["<i>fine</i>", false]);
    flush({ html: null });
    same(byId("html").innerHTML, "");
  });

  all.set("inputs and outputs inside of an HTML output are bound, with the value that came first", async () => {
    welcome();
    flush({ inner: "early", html: { html: '<input id="dyn" type="number" value="7"><p id="inner" class="shiny-text-output">' } });
    same(byId("inner").textContent, "early");
    same(await updates(), { "dyn:shiny.number": 7, ".clientdata_output_inner_hidden": false });
    byId("dyn").focus();
    flush({ html: '<input id="dyn" type="number" value="7"><p id="inner" class="shiny-text-output">' });
    same([byId("inner").textContent, document.activeElement.id], ["early", "dyn"]);
    same(await updates(), {});
    flush({ html: "" });
    same(await updates(), { ".clientdata_output_inner_hidden": true });
  });

  all.set("content that was removed is forgotten, and starts afresh when it comes back", async () => {
    welcome();
    const panel = '<section id="p"><input id="p-x" type="text" value="q"><p id="p-y" class="shiny-text-output"></p></section>';
    const fresh = { ".clientdata_output_p-y_hidden": false, "p-x": "q" };
    add(panel);
    same(await updates(), fresh);
    flush({ "p-y": "old" });
    type("p-x", "unfinished");
    remove("#p");
    same(await updates(), { ".clientdata_output_p-y_hidden": true });
    type("words", "w"); // its pause ends after that of the field that is gone
    await until(() => frames.length, "the update");
    same(await updates(), { words: "w" });
    add(panel);
    same([await updates(), byId("p-y").textContent], [fresh, ""]);
  });

  all.set("content goes where it is told", () => {
    welcome();
    for (const where of ["beforeBegin", "afterBegin", "beforeEnd", "afterEnd"]) {
      const content = { html: `<hr class="${where}">`, deps: [] };
      say({ "shiny-insert-ui": { selector: "#place", multiple: false, where, content } });
    }
    same([byId("place").previousElementSibling.className, byId("place").nextElementSibling.className], ["beforeBegin", "afterEnd"]);
    same([...byId("place").children].map((el) => el.className), ["afterBegin", "beforeEnd"]);
    const content = { html: '<p id="instead"></p>', deps: [] };
    say({ "shiny-insert-ui": { selector: "#place", multiple: false, where: "replace", content } });
    same(byId("place").innerHTML, '<p id="instead"></p>');
  });

  all.set("content goes to one place or to all, and so it is removed", () => {
    welcome();
    add('<i class="spot"></i><i class="spot"></i>');
    const put = (multiple, html) =>
      say({ "shiny-insert-ui": { selector: ".spot", multiple, where: "beforeEnd", content: { html, deps: [] } } });
    const spots = () => [...document.querySelectorAll(".spot")].map((el) => el.innerHTML);
    put(false, "1");
    put(true, "2");
    same(spots(), ["12", "2"]);
    say({ "shiny-remove-ui": { selector: ".spot", multiple: false } });
    same(spots(), ["2"]);
    add('<i class="spot"></i>');
    say({ "shiny-remove-ui": { selector: ".spot", multiple: true } });
    same(spots(), []);
  });

  // A dependency whose script writes down that it ran; what it waits for is there once its style counts.
  const dependency = (name, wrote = name) => ({
    name,
    version: "1",
    script: [{ src: `data:text/javascript,(window.ran%20??=%20[]).push("${wrote}")` }],
    stylesheet: [{ href: `data:text/css,.${name}{order:7}`, rel: "stylesheet" }],
    meta: [{ name: `meta-${name}`, content: "x" }],
    head: `<meta name="head-${name}"><script src='data:text/javascript,window.ran.push("${wrote}-head")'></script>`,
  });
  const ran = () => window.ran ?? [];

  all.set("content waits for the files it depends on, each name once, and what follows waits too", async () => {
    welcome();
    flush({ html: { html: '<b class="lib">1</b>', deps: [dependency("lib")] } });
    flush({ text: "after" });
    same([byId("html").innerHTML, byId("text").textContent], ["", ""]);
    await until(() => byId("text").textContent === "after", "what came later");
    same([byId("html").textContent, ran()], ["1", ["lib", "lib-head"]]);
    same(getComputedStyle(byId("html").firstChild).order, "7");
    same(["meta-lib", "head-lib"].map((name) => document.getElementsByName(name).length), [1, 1]);
    flush({ html: { html: "2", deps: [dependency("lib", "again")] } });
    same([byId("html").textContent, ran()], ["2", ["lib", "lib-head"]]);
  });

  all.set("dialogs, notices, tabs, insertions and labels bring dependencies as outputs do", async () => {
    welcome();
    const content = (name) => ({ html: "x", deps: [dependency(name)] });
    const tab = { inputId: "none", liTag: content("li"), divTag: content("div"), menuName: null, target: null };
    console.error = () => {}; // there is no such tabset
    for (const [message, ...names] of [
      [{ modal: { type: "show", message: content("dialog") } }, "dialog"],
      [{ notification: { type: "show", message: content("note") } }, "note"],
      [{ "shiny-insert-ui": { selector: "#place", where: "beforeEnd", content: content("ui") } }, "ui"],
      [{ inputMessages: [{ id: "words", message: { label: content("label") } }] }, "label"],
      [{ "shiny-insert-tab": tab }, "li", "div"],
    ]) {
      window.ran = [];
      say(message);
      await until(() => ran().length === 2 * names.length, `the dependencies of ${names}`);
      same(ran().filter((name) => !name.endsWith("-head")), names);
    }
  });

  all.set("a file that does not come does not keep the content from the page", async () => {
    welcome();
    const script = [{ src: "never.js", nomodule: "" }]; // the browser lets it be, and we play the network
    flush({ html: { html: "there", deps: [{ name: "gone", version: "1", script, stylesheet: [], meta: [] }] } });
    same(byId("html").textContent, "");
    document.querySelector("script[nomodule]").dispatchEvent(new Event("error"));
    await until(() => byId("html").textContent === "there", "the content");
  });

  all.set("what waits when the connection ends is not for the next one", async () => {
    welcome();
    say({ allowReconnect: "force" });
    flush({ text: "old", html: { html: "old", deps: [dependency("late")] } });
    hangUp(1012);
    [...document.querySelectorAll(".session-banner button")].find((el) => el.textContent === "Try now").click();
    welcome();
    flush({ text: "new" });
    same([byId("text").textContent, byId("html").textContent], ["new", ""]);
    flush({ html: { html: "new", deps: [dependency("late", "again")] } });
    same(byId("html").textContent, ""); // the files are still on their way
    await until(() => byId("html").textContent, "the content");
    same([byId("html").textContent, ran()], ["new", ["late", "late-head"]]);
  });

  // Bootstrap's markup of a dialog, with the script that would show it there.
  const keep = 'data-backdrop="static" data-bs-backdrop="static" data-keyboard="false" data-bs-keyboard="false"';
  const showModal = (body, attributes = "", size = "") => {
    const html = `<div id="shiny-modal" class="modal fade" ${attributes}><div class="modal-dialog ${size}"><div class="modal-content">
      <div class="modal-header"><h4 class="modal-title">Title</h4></div><div class="modal-body">${body}</div>
      <div class="modal-footer"><button id="dismiss" type="button" data-dismiss="modal" data-bs-dismiss="modal">No</button></div>
      </div></div><script>console.error("the script ran")</script></div>`;
    say({ modal: { type: "show", message: { html, deps: [] } } });
  };
  const dialog = () => document.querySelector("dialog");
  const beside = () => {
    dialog().dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
    dialog().click();
  };
  const escape = () => dialog().dispatchEvent(new Event("cancel", { cancelable: true }));

  all.set("a dialog shows, with live inputs and outputs, until the server removes it", async () => {
    welcome();
    flush({ asked: "what" });
    showModal('<input id="answer" value="a"><p id="asked" class="shiny-text-output"></p>', "", "modal-lg");
    same([dialog().matches(":modal"), dialog().className], [true, "session-modal modal-lg"]);
    same(document.getElementById(dialog().getAttribute("aria-labelledby")).textContent, "Title");
    same([byId("asked").textContent, dialog().querySelector("script")], ["what", null]);
    same(await updates(), { ".clientdata_output_asked_hidden": false, answer: "a" });
    showModal('<input id="answer" value="b"><p id="asked" class="shiny-text-output"></p>');
    same([document.querySelectorAll("dialog").length, byId("asked").textContent], [1, "what"]);
    same(await updates(), { answer: "b" });
    say({ modal: { type: "remove", message: null } });
    same([dialog(), await updates()], [null, { ".clientdata_output_asked_hidden": true }]);
  });

  all.set("a dialog is left by its buttons, and by click and key if it says so", async () => {
    welcome();
    showModal('<input id="answer" value="a"><button id="yes" class="action-button" data-bs-dismiss="modal">Yes</button>', keep);
    await updates();
    beside();
    escape();
    dialog().querySelector(".modal-body").click();
    same([dialog() !== null, dialog().getAttribute("closedby")], [true, "none"]);
    type("answer", "b");
    byId("yes").click();
    same([dialog(), await updates()], [null, { answer: "b", "yes:shiny.action": 1 }]);
    for (const leave of [() => byId("dismiss").click(), beside, escape]) {
      showModal("easy");
      dialog().click(); // begun within, ended beside it
      same(dialog() !== null, true);
      leave();
      same(dialog(), null);
    }
  });

  all.set("notices and the banner can be used over a dialog, and stay when it goes", () => {
    welcome();
    say({ notification: { type: "show", message: { html: "note", id: "n", duration: null } } });
    showModal("body", keep);
    hangUp(1011);
    const homes = () => ["#shiny-notification-n", ".session-banner"].map((of) => dialog()?.contains(document.querySelector(of)));
    same(homes(), [true, true]);
    byId("dismiss").click();
    same([dialog(), byId("shiny-notification-n").textContent], [null, "note\u00d7"]);
    same(document.body.firstChild.className, "session-banner session-banner-disconnected");
  });

  all.set("a progress panel opens, fills and closes, and goes with the connection", () => {
    welcome();
    const progress = (type, message) => say({ progress: { type, message: { style: "notification", ...message } } });
    const bar = () => document.querySelector("#shiny-progress-p progress");
    const words = () => ["message", "detail"].map((name) => document.querySelector(`#shiny-progress-p .progress-${name}`).textContent);
    progress("open", { id: "p" });
    same([words(), bar().hidden], [["", ""], true]);
    progress("update", { id: "p", message: "<b>Reading</b>", detail: "one", value: 0 });
    progress("update", { id: "p", value: 0.5 });
    same([words(), bar().hidden, bar().value], [["<b>Reading</b>", "one"], false, 0.5]);
    progress("close", { id: "p" });
    same(bar(), null);
    progress("update", { id: "p", value: 1 });
    progress("open", { id: "p" });
    byId("shiny-notification-p").querySelector("button").click();
    progress("update", { id: "p", value: 1 });
    progress("open", { id: "p" });
    hangUp(1011);
    same(document.querySelectorAll(".shiny-notification").length, 0);
  });

  function addTabs() {
    const link = (n) => `<li class="nav-item"><a class="nav-link" href="#tab-7-${n}" data-toggle="tab" data-value="t${n}">T${n}</a></li>`;
    const pane = (n, html) => `<div class="tab-pane" id="tab-7-${n}" data-value="t${n}">${html}</div>`;
    const html = `<ul class="nav nav-tabs shiny-tab-input" id="tabs" data-tabsetid="7">${link(0)}${link(1)}</ul>
      <div class="tab-content" data-tabsetid="7">${pane(0, "zero")}${pane(1, '<p id="one-out" class="shiny-text-output"></p>')}</div>`;
    add(html.replace("nav-link", "nav-link active").replace("tab-pane", "tab-pane active"));
  }
  const tab = (value) => document.querySelector(`#tabs [data-value=${value}]`);
  const tabs = () => [...document.querySelectorAll("#tabs a")].filter((el) => el.checkVisibility()).map((el) => el.dataset.value).join();
  const shown = () => [...document.querySelectorAll(".tab-pane")].filter((el) => el.checkVisibility()).map((el) => el.dataset.value).join();
  const insertTab = (value, target, position, select = false) => {
    const liTag = { html: `<li><a data-toggle="tab" data-value="${value}" href="#tab-tsid-id">New</a></li>`, deps: [] };
    const divTag = { html: `<div class="tab-pane" data-value="${value}" id="tab-tsid-id"><input id="in-${value}" value="v"></div>`, deps: [] };
    say({ "shiny-insert-tab": { inputId: "tabs", liTag, divTag, menuName: null, target, position, select } });
  };

  all.set("the tab that shows is an input, and what the others hold is hidden", async () => {
    welcome();
    addTabs();
    same(await updates(), { tabs: "t0", ".clientdata_output_one-out_hidden": true });
    tab("t1").click();
    same(await updates(), { tabs: "t1", ".clientdata_output_one-out_hidden": false });
    same([shown(), tab("t1").ariaSelected, tab("t0").ariaSelected, location.hash], ["t1", "true", "false", ""]);
    flush({}, {}, [{ id: "tabs", message: { value: "t0" } }]);
    same([shown(), await updates()], ["t0", { tabs: "t0", ".clientdata_output_one-out_hidden": true }]);
  });

  all.set("tabs are inserted where they are told, with panes of their own", async () => {
    welcome();
    addTabs();
    await updates();
    insertTab("a", "t1", "before");
    insertTab("b", "t1", "after");
    insertTab("c", null, "before");
    insertTab("d", null, "after", true);
    same([tabs(), shown()], ["c,t0,a,t1,b,d", "d"]);
    same(await updates(), { "in-a": "v", "in-b": "v", "in-c": "v", "in-d": "v", tabs: "d" });
    tab("a").click();
    same([shown(), new Set([...document.querySelectorAll(".tab-pane")].map(({ id }) => id)).size], ["a", 6]);
  });

  all.set("tabs are hidden, shown and removed, and another takes over", async () => {
    welcome();
    addTabs();
    await updates();
    const change = (target, type) => say({ "shiny-change-tab-visibility": { inputId: "tabs", target, type } });
    change("t0", "hide");
    same([tabs(), shown()], ["t1", "t1"]);
    same(await updates(), { tabs: "t1", ".clientdata_output_one-out_hidden": false });
    change("t0", "show");
    same([tabs(), shown()], ["t0,t1", "t1"]);
    say({ "shiny-remove-tab": { inputId: "tabs", target: "t1" } });
    same([tabs(), shown(), byId("one-out")], ["t0", "t0", null]);
    same(await updates(), { ".clientdata_output_one-out_hidden": true, tabs: "t0" });
    say({ "shiny-remove-tab": { inputId: "tabs", target: "t0" } });
    same([tabs(), await updates()], ["", { tabs: null }]);
    insertTab("only", null, "after", true);
    same([shown(), await updates()], ["only", { "in-only": "v", tabs: "only" }]);
  });

  all.set("the address changes as the server says, and is reported", async () => {
    welcome();
    const before = history.length;
    say({ updateQueryString: { queryString: "?a=1", mode: "replace" } });
    same([location.search, history.length, await updates()], ["?a=1", before, { ".clientdata_url_search": "?a=1" }]);
    say({ updateQueryString: { queryString: "#there", mode: "push" } });
    same([location.search, location.hash, history.length], ["?a=1", "#there", before + 1]);
    same(await updates(), { ".clientdata_url_hash": "#there" });
    history.back();
    await until(() => frames.length, "the report");
    same(await updates(), { ".clientdata_url_hash": "" });
  });

  all.set("the page is loaded anew when the server says so", () => {
    welcome();
    const went = [];
    navigation.addEventListener("navigate", (event) => {
      went.push(event.navigationType);
      event.preventDefault();
    });
    say({ reload: true });
    same(went, ["reload"]);
  });

  all.set("a frozen input is said again, be it the same, and is not forgotten", async () => {
    welcome();
    say({ allowReconnect: "force", frozen: { ids: ["count", "nobody"] } });
    same(await updates(), {});
    flush({}, {}, [{ id: "count", message: { value: 3 } }, { id: "words", message: { value: "hi" } }]);
    same(await updates(), { "count:shiny.number": 3 });
    say({ frozen: { ids: ["count"] } });
    hangUp(1012);
    [...document.querySelectorAll(".session-banner button")].find((el) => el.textContent === "Try now").click();
    same(welcome().data["count:shiny.number"], 3);
  });

  all.set("the server can change the choices of groups and lists, and what fields take", async () => {
    welcome();
    add(`<div id="r" class="shiny-input-radiogroup"><label id="r-label" class="shiny-label-null"></label>
      <div class="shiny-options-group"><label><input type="radio" name="r" value="1" checked></label></div></div>`);
    await updates();
    const option = (kind, name, value, checked = "") =>
      `<div class="${kind}"><label><input type="${kind}" name="${name}" value="${value}" ${checked}/> <span>${value}</span></label></div>`;
    const options = (kind, name) => `<div class="shiny-options-group">${option(kind, name, "x")}${option(kind, name, "y", "checked")}</div>`;
    flush({}, {}, [
      { id: "r", message: { options: options("radio", "r"), label: { html: "<i>One</i> of", deps: [] } } },
      { id: "boxes", message: { options: options("checkbox", "boxes"), value: ["x", "y"] } },
      { id: "many", message: { options: '<optgroup label="G"><option value="p" selected="">P</option></optgroup>' } },
      { id: "day", message: { value: null, min: "2024-01-01", max: null } },
      { id: "level", message: { value: 14, min: 10, max: 20, step: 2 } },
      { id: "words", message: { value: "", placeholder: "none" } },
      { id: "pick", message: { value: [] } },
    ]);
    same(await updates(), {
      r: "y", boxes: ["x", "y"], many: ["p"], "day:shiny.date": null, "level:shiny.number": 14, words: "", pick: null,
    });
    same([byId("r-label").innerHTML, byId("r-label").className], ["<i>One</i> of", ""]);
    same(document.querySelectorAll("#r .shiny-options-group, #boxes .shiny-options-group").length, 2);
    same([byId("level").step, byId("day").min, byId("words").placeholder], ["2", "2024-01-01", "none"]);
  });

  all.set("buttons and links keep their icon beside a label, and can be disabled", async () => {
    welcome();
    add('<a id="link" href="#x" class="action-button">Link</a>');
    await updates();
    const change = (message) => flush({}, {}, [{ id: "link", message }]);
    change({ icon: { html: "<b>!</b>", deps: [] } });
    same(byId("link").textContent, "!Link");
    change({ label: { html: "<i>New</i>", deps: [] }, disabled: true });
    same([...byId("link").children].map((el) => [el.className, el.innerHTML]), [["action-icon", "<b>!</b>"], ["action-label", "<i>New</i>"]]);
    byId("link").click();
    same(await updates(), {});
    change({ disabled: false });
    byId("link").click();
    same([await updates(), location.hash], [{ "link:shiny.action": 1 }, ""]);
  });

  all.set("the server can set inputs, and hears of it", async () => {
    welcome();
    flush({}, {}, [
      { id: "count", message: { value: 9, max: 20, label: "How many" } },
      { id: "words", message: { value: "set", label: { html: "<b>The</b> words", deps: [] } } },
      { id: "one", message: { options: '<option value="z">Z</option><option value="y">Y</option>', value: ["y"] } },
      { id: "on", message: { value: true, label: "Off" } },
      { id: "boxes", message: { value: ["2"] } },
      { id: "go", message: { label: "Stop", disabled: true } },
      { id: "nobody", message: { value: 1 } },
    ]);
    same(await updates(), { "count:shiny.number": 9, words: "set", one: "y", on: true, boxes: ["2"] });
    same([byId("count").max, byId("go").textContent, byId("go").disabled], ["20", "Stop", true]);
    same([...document.querySelectorAll("label")].map((el) => el.textContent), ["The words", "How many", "Off"]);
  });

  all.set("requests are answered, refused, and fail with the connection", async () => {
    welcome();
    const failure = (promise) => promise.then(() => "no failure", (error) => error.message);
    const [sum, none, bad, lost] = [1, 2, 3, 4].map((n) => session.request("method", n));
    same(frames.map(({ method, args, tag }) => [method, args, tag]), [1, 2, 3, 4].map((n) => ["method", [n], n - 1]));
    say({ response: { tag: 1, value: null } });
    say({ response: { tag: 0, value: 3 } });
    say({ response: { tag: 2, error: "not this" } });
    same([await sum, await none, await failure(bad)], [3, null, "not this"]);
    hangUp(1006);
    same(await failure(lost), "the connection was closed");
  });

  all.set("a request finds the inputs as the page shows them", () => {
    welcome();
    type("words", "abc");
    session.set("a", 1);
    session.request("look");
    same(frames.map(({ method, data }) => [method, data]), [["update", { a: 1, words: "abc" }], ["look", undefined]]);
  });

  all.set("a request made before the connection stands waits for it", async () => {
    const answer = session.request("early");
    last(sockets).onopen();
    same(frames.map(({ method }) => method), ["init", "early"]);
    say({ response: { tag: 0, value: "here" } });
    same(await answer, "here");
  });

  all.set("custom messages reach their listeners, binary ones too", () => {
    welcome();
    const got = [];
    const stop = session.on("news", (news) => got.push(news));
    session.on("bits", (buffer) => got.push([...new Uint8Array(buffer)]));
    say({ custom: { news: { a: [1] }, unknown: 1 } });
    stop();
    say({ custom: { news: "unheard" } });
    last(sockets).onmessage({ data: new Uint8Array([4, 98, 105, 116, 115, 9, 8]).buffer });
    same(got, [{ a: [1] }, [9, 8]]);
  });

  all.set("keys of one message are handled in the protocol's order", () => {
    welcome();
    const got = [];
    session.on("news", () => got.push(byId("text").textContent));
    say({ busy: "idle", custom: { news: 1 }, errors: {}, values: { text: "first" }, unknown: {} });
    same(got, ["first"]);
  });

  all.set("a notification is replaced under its id, and can be taken back", () => {
    welcome();
    const show = (html) => say({ notification: { type: "show", message: { html, id: "n1", type: "warning", duration: null } } });
    show("one");
    show("<b>two</b>");
    const notices = () => [...document.querySelectorAll(".shiny-notification-warning")].map((el) => el.firstChild.firstChild.innerHTML);
    same(notices(), ["<b>two</b>"]);
    say({ notification: { type: "remove", message: "n1" } });
    same(notices(), []);
  });

  all.set("a notification has live inputs, an action and a button that closes it, and goes when its time has come", async () => {
    welcome();
    const show = (message) => say({ notification: { type: "show", message: { id: "n1", deps: [], type: "error", ...message } } });
    const notice = () => byId("shiny-notification-n1");
    show({ html: '<input id="in" value="a">', action: '<a id="undo" class="action-button">Undo</a>', closeButton: true, duration: 0 });
    same(await updates(), { in: "a", "undo:shiny.action": 0 });
    byId("undo").click();
    same(await updates(), { "undo:shiny.action": 1 });
    notice().querySelector(".shiny-notification-close").click();
    same(notice(), null);
    show({ html: "short", duration: 30, closeButton: false });
    show({ html: "stays", duration: null, closeButton: false }); // the time of the one before is not its own
    same(notice().querySelector("button"), null);
    say({ notification: { type: "show", message: { html: "brief", id: "n2", duration: 60 } } });
    await until(() => byId("shiny-notification-n2") === null, "the end of the brief one");
    same(notice().textContent, "stays");
  });

  all.set("the end of the connection is told in words, with its code", () => {
    const banner = () => document.querySelector(".session-banner");
    same([banner().textContent, session.connected], ["Connecting\u2026", false]);
    welcome();
    same([banner(), session.connected, session.id], [null, true, "abc"]);
    say({ recalculating: { name: "text", status: "recalculating" }, busy: "busy" });
    hangUp(1011, "too many runs");
    same(banner().firstChild.textContent, "Something went wrong in the application. (1011: too many runs)");
    same([banner().getAttribute("role"), banner().querySelector("button").textContent], ["alert", "Reload"]);
    same(document.querySelectorAll(".recalculating, .shiny-busy").length, 0);
    same([session.connected, document.documentElement.dataset.session], [false, "disconnected"]);
  });

  all.set("a server that was never there is told from one that is lost", () => {
    const words = () => document.querySelector(".session-banner").firstChild.textContent;
    hangUp(1006);
    same(words(), "The server could not be reached. (1006)");
    hangUp(4321, "of our own");
    same(words(), "The connection was closed. (4321: of our own)");
  });

  all.set("texts are read out as they change, unless the page says otherwise", () => {
    add('<p id="loud" class="shiny-text-output"></p><p id="quiet" class="shiny-text-output" aria-live="off"></p>');
    same(["loud", "quiet", "html"].map((id) => byId(id).ariaLive), ["polite", "off", null]);
  });

  all.set("a server that allows it is called again, with all that it needs to know", async () => {
    welcome();
    say({ allowReconnect: "force" });
    byId("go").click();
    type("words", "kept");
    await updates();
    hangUp(1012);
    byId("on").click();
    same(sockets.length, 1);
    [...document.querySelectorAll(".session-banner button")].find((el) => el.textContent === "Try now").click();
    same(sockets.length, 2);
    const { data } = welcome();
    same([data["go:shiny.action"], data.on, data.words], [1, true, "kept"]);
    same(document.querySelector(".session-banner"), null);
  });

  all.set("a message that cannot be handled does not keep others from it", () => {
    const errors = [];
    console.error = (text) => errors.push(text);
    welcome();
    last(sockets).onmessage({ data: '{"values":{"text":NaN}}' });
    say({ "shiny-remove-ui": { selector: "((", multiple: true }, values: { text: "still here" }, errors: {} });
    session.on("news", () => {
      throw new Error("mine");
    });
    say({ custom: { news: 1 }, busy: "idle" });
    same([byId("text").textContent, errors.length], ["still here", 3]);
  });

  // A file input whose files were chosen; what is sent beside the socket is answered by `answer`.
  async function choose(names, answer) {
    const posts = [];
    window.XMLHttpRequest = class extends EventTarget {
      upload = new EventTarget();
      open(method, url) {
        this.line = `${method} ${url}`;
      }
      setRequestHeader() {}
      abort() {
        this.dispatchEvent(new Event("abort"));
      }
      async send(file) {
        posts.push(`${this.line} ${await file.text()}`);
        this.upload.dispatchEvent(Object.assign(new Event("progress"), { loaded: file.size }));
        Object.assign(this, answer(posts.length));
        if (this.status) this.dispatchEvent(new Event("load"));
      }
    };
    add('<input id="f" type="file" multiple>');
    same((await updates())["f:shiny.file"], null);
    const chosen = new DataTransfer();
    for (const name of names) chosen.items.add(new File([name], name, { type: "text/plain" }));
    byId("f").files = chosen.files;
    byId("f").dispatchEvent(new Event("change", { bubbles: true }));
    await until(() => frames.length, "the announcement");
    const { method, args, tag } = frames.splice(0)[0];
    same([method, args[1]], ["uploadInit", "f"]);
    same(args[0], names.map((name) => ({ name, size: name.length, type: "text/plain" })));
    say({ response: { tag, value: { jobId: "j", uploadUrl: "session/abc/upload/j?w=" } } });
    return posts;
  }
  const uploadWords = () => document.querySelector(".session-upload [role=status]")?.textContent;

  all.set("files are announced, sent one after the other, and given to their input", async () => {
    welcome();
    const posts = await choose(["one", "three"], () => ({ status: 200 }));
    await until(() => frames.length, "the end of the upload");
    same(posts, ["POST session/abc/upload/j?w= one", "POST session/abc/upload/j?w= three"]);
    const { method, args, tag } = frames.splice(0)[0];
    same([method, args], ["uploadEnd", ["j", "f"]]);
    same(document.querySelector(".session-upload progress").value, 8);
    say({ response: { tag, value: null } });
    await until(() => uploadWords() === "Uploaded.", "the good news");
    remove("#f");
    same(document.querySelectorAll(".session-upload").length, 0);
  });

  all.set("a file that is refused says why beside its input, and is not given to it", async () => {
    welcome();
    await choose(["one", "three"], () => ({ status: 413, responseText: "<b>too long</b>" }));
    await until(() => uploadWords() === "Not uploaded: <b>too long</b>", "the bad news");
    same(frames, []);
  });

  all.set("an input that leaves the page takes its upload along", async () => {
    welcome();
    const posts = await choose(["one"], () => ({}));
    await until(() => posts.length, "the file");
    remove("#f");
    await new Promise((resolve) => setTimeout(resolve));
    same([frames.filter(({ method }) => method === "uploadEnd"), uploadWords()], [[], undefined]);
  });

  // Everything that the client draws by itself, at once, for a screenshot.
  function pose() {
    welcome();
    flush({ html: "<b>An HTML output</b>, and <i>the line above is an error</i>" }, { text: { message: "boom", call: null, type: null } });
    byId("closed").hidden = false;
    document.querySelector("svg").remove();
    flush({ unseen: "an output that is being recomputed" });
    const notices = { default: "As it is.", message: "Saved.", warning: "Nearly full.", error: "Not saved." };
    for (const [type, html] of Object.entries(notices)) {
      say({ notification: { type: "show", message: { html, type, duration: null } } });
    }
    say({ allowReconnect: "force" });
    hangUp(1012);
    say({ progress: { type: "binding", message: { id: "unseen" } } });
    return until(() => getComputedStyle(byId("unseen")).opacity < 0.6, "the busy look");
  }

  function poseDialog() {
    welcome();
    showModal('<label for="answer">Are you sure?</label> <input id="answer" value="I am">');
    say({ notification: { type: "show", message: { html: "Saved, <b>nearly</b>.", type: "message", duration: null } } });
    say({ progress: { type: "open", message: { id: "p" } } });
    say({ progress: { type: "update", message: { id: "p", message: "Reading", detail: "a.csv", value: 0.6 } } });
  }

  return {
    pose,
    poseDialog,
    names: () => [...all.keys()],
    run: async (name) => {
      try {
        await all.get(name)();
        return null;
      } catch (error) {
        return error.message;
      }
    },
  };
})();
