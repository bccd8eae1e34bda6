// The browser's half of a session: the page's inputs go to the server, what the server computes comes back
// into the page. It speaks the protocol of the Shiny client on the same markup, so that a page works with either.
//
//   inputs    <input id> (files too), <select id>, <textarea id>, <button id class="action-button">,
//             <div id class="shiny-input-radiogroup"> and "shiny-input-checkboxgroup" around their boxes
//   outputs   <div id class="shiny-text-output">, <div id class="shiny-html-output">
//   tabs      <ul id class="nav shiny-tab-input" data-tabsetid>, <li><a href="#pane" data-value> for each,
//             and <div class="tab-content" data-tabsetid> around <div id="pane" class="tab-pane">
//
//   session.on(type, fn)                custom messages of that type; returns a function that stops listening
//   session.request(method, ...args)    a promise of the message handler's answer
//   session.set(id, value, options)     an input without an element; { type } names its wire type,
//                                       { event: true } sends it even if the value did not change
//   session.connected, session.id       and the events "session:connected", "session:disconnected" on document
//
// A page that sets window.createSessionSocket = (url) => socket brings its own transport: any object that looks
// like a WebSocket will do. Nothing here evaluates code, so a strict Content-Security-Policy is no obstacle, and
// scripts within HTML never run: those of its dependencies do, which have an address.
// Left to the Shiny client: menus of tabs, date ranges, sliders with two ends, task buttons, plots, code sent to be
// evaluated.

(() => {
  "use strict";

  const TYPING_PAUSE_MS = 250;
  const RECONNECT_DELAYS_MS = [1500, 1500, 2500, 2500, 5500, 5500, 10500];
  const NOTIFICATION_MS = 5000;
  const DEPENDENCIES_MS = 10000; // longest that content waits for them: some elements never say that they are there
  const NOTIFICATION_TYPES = ["default", "message", "warning", "error"];

  const root = document.documentElement;

  // ---------------------------------------------------------------- what goes to the server

  const inputs = new Map(); // id → element
  const outputs = new Map(); // id → element
  const sent = new Map(); // name → { key, json, value }: what the server knows, or will know by the next init
  const typing = new Map(); // id → timer of an input that the user has not finished
  let batch = null; // key → value of the update that this tick will send

  function set(name, value, { type = "", event = false } = {}) {
    const key = type ? `${name}:${type}` : name;
    const json = JSON.stringify(value) ?? "null"; // undefined would lose its key
    const known = sent.get(name);
    if (!event && known?.key === key && known.json === json) return;
    sent.set(name, { key, json, value: JSON.parse(json) });
    if (!open) return; // the next init carries it
    if (event) {
      finishTyping();
      flush();
      send({ method: "update", data: { [key]: value ?? null } });
      return;
    }
    if (!batch) {
      batch = new Map();
      queueMicrotask(flush);
    }
    batch.set(key, value ?? null);
  }

  function flush() {
    if (!batch) return;
    reportVisibility();
    const data = Object.fromEntries(batch);
    batch = null;
    if (open) send({ method: "update", data });
  }

  // Every input of the page, by the first row that it matches. `late` inputs wait for a pause in typing.
  const fill = (el, value) => (el.value = value ?? "");
  const text = { read: (el) => el.value, write: fill, late: true };
  const number = { ...text, type: "shiny.number", read: (el) => (el.value === "" ? null : Number(el.value)) };
  const TABSETS = "ul.nav.shiny-tab-input, ul.nav[data-tabsetid]";
  const boxes = (el) => [...el.querySelectorAll("input")];
  const KINDS = [
    ["input[type=number], input[type=range]", number],
    ["input[type=password]", { ...text, type: "shiny.password" }],
    ["input[type=date]", { ...text, type: "shiny.date", read: (el) => el.value || null }],
    ["input[type=file]", { type: "shiny.file", read: () => null, write: (el) => (el.value = "") }],
    ["input[type=checkbox]", { read: (el) => el.checked, write: (el, value) => (el.checked = Boolean(value)) }],
    ["input:not([type]), input[type=text], input[type=search], input[type=url], input[type=email], input[type=tel]", text],
    ["textarea", text],
    ["select[multiple]", { read: (el) => [...el.selectedOptions].map((option) => option.value), write: select }],
    ["select", { read: (el) => el.value, write: select }],
    [".action-button", { type: "shiny.action", read: (el) => clicks.get(el) ?? 0, write: () => {} }],
    [
      ".shiny-input-radiogroup",
      { read: (el) => boxes(el).find((box) => box.checked)?.value ?? null, write: check },
    ],
    [
      ".shiny-input-checkboxgroup",
      { read: (el) => boxes(el).filter((box) => box.checked).map((box) => box.value), write: check },
    ],
    [TABSETS, { read: (el) => tabsOf(el).find(isChosen)?.dataset.value ?? null, write: chooseTab }],
  ];
  const INPUT_GROUPS = ".shiny-input-radiogroup, .shiny-input-checkboxgroup";
  const INPUTS = KINDS.map(([selector]) => selector).join(", ");
  const clicks = new WeakMap(); // button → how often it was clicked

  const kindOf = (el) => KINDS.find(([selector]) => el.matches(selector))[1];

  function select(el, value) {
    const chosen = [value].flat().map(String);
    for (const option of el.options) option.selected = chosen.includes(option.value);
  }

  function check(el, value) {
    const chosen = [value ?? []].flat().map(String);
    for (const box of boxes(el)) box.checked = chosen.includes(box.value);
  }

  // The bound input that an event is about: the group for one of its boxes, the button for the icon in it.
  function inputOf(target) {
    const el = target.closest(INPUT_GROUPS) ?? target.closest(".action-button") ?? target;
    return inputs.get(el.id) === el ? el : null;
  }

  function report(el) {
    clearTimeout(typing.get(el.id));
    typing.delete(el.id);
    const kind = kindOf(el);
    set(el.id, kind.read(el), { type: kind.type });
  }

  // What was typed before a click reaches the server before the click does.
  function finishTyping(except) {
    for (const id of [...typing.keys()]) if (id !== except) report(inputs.get(id));
  }

  document.addEventListener("input", ({ target }) => {
    const el = inputOf(target);
    if (!el || el.matches(".action-button") || el.dataset.updateOn === "blur") return;
    if (!kindOf(el).late) return report(el);
    clearTimeout(typing.get(el.id));
    typing.set(el.id, setTimeout(() => report(el), TYPING_PAUSE_MS));
  });

  document.addEventListener("change", ({ target }) => {
    const el = inputOf(target);
    if (!el || el.matches(".action-button")) return;
    finishTyping(el.id);
    if (el.type === "file") upload(el);
    else report(el);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".action-button");
    if (!button || inputs.get(button.id) !== button) return;
    event.preventDefault(); // neither follow the link nor submit the form around it
    if (button.matches(":disabled, .disabled, [aria-disabled=true]")) return;
    clicks.set(button, (clicks.get(button) ?? 0) + 1);
    finishTyping();
    report(button);
  });

  // ---------------------------------------------------------------- files, beside the connection

  const uploads = new Map(); // file input → what its last choice of files shows, and how to leave it

  async function upload(el) {
    uploads.get(el)?.leave();
    const files = [...el.files];
    if (!files.length) return;
    const total = files.reduce((sum, { size }) => sum + size, 0);
    const bar = create("progress", { max: Math.max(total, 1), value: 0 });
    const words = create("span", { textContent: "Uploading\u2026" });
    words.setAttribute("role", "status");
    const place = create("span", { className: "session-upload" }, bar, words);
    const leaving = new AbortController();
    const leave = () => {
      leaving.abort();
      place.remove();
      uploads.delete(el);
    };
    uploads.set(el, { leave });
    el.after(place);
    try {
      const announced = files.map(({ name, size, type }) => ({ name, size, type }));
      const { jobId, uploadUrl } = await session.request("uploadInit", announced, el.id);
      let before = 0;
      for (const file of files) {
        await post(uploadUrl, file, leaving.signal, (sent) => (bar.value = before + sent));
        before += file.size;
      }
      leaving.signal.throwIfAborted();
      await session.request("uploadEnd", jobId, el.id);
      bar.value = bar.max;
      words.textContent = "Uploaded.";
    } catch (error) {
      if (leaving.signal.aborted) return;
      words.classList.add("shiny-output-error");
      words.textContent = `Not uploaded: ${error.message}`;
    }
  }

  // Only an XMLHttpRequest tells how much of its body is on its way.
  function post(url, file, signal, onProgress) {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const request = new XMLHttpRequest();
      request.open("POST", url);
      request.setRequestHeader("content-type", "application/octet-stream");
      request.upload.addEventListener("progress", ({ loaded }) => onProgress(loaded));
      request.addEventListener("load", () => {
        if (request.status >= 200 && request.status < 300) resolve();
        else reject(new Error(request.responseText || `the server answered with ${request.status}`));
      });
      for (const type of ["error", "abort"]) {
        request.addEventListener(type, () => reject(new Error("the connection broke off")));
      }
      signal.addEventListener("abort", () => request.abort());
      request.send(file);
    });
  }

  // ---------------------------------------------------------------- what the server should know about the page

  const hiddenKey = (id) => `.clientdata_output_${id}_hidden`;

  // Hidden is what takes no place in the page; scrolled out of sight is not hidden.
  function isShown(el) {
    if (getComputedStyle(el).display === "contents") return isShown(el.parentElement);
    return el.checkVisibility();
  }

  function reportVisibility() {
    for (const [id, el] of outputs) set(hiddenKey(id), !isShown(el));
  }

  // Each of the two observers sees changes that the other does not; neither decides.
  const resized = new ResizeObserver(reportVisibility);
  const crossed = new IntersectionObserver(reportVisibility);

  function reportPage() {
    set(".clientdata_pixelratio", window.devicePixelRatio);
    for (const part of ["protocol", "hostname", "port", "pathname", "search", "hash"]) {
      set(`.clientdata_url_${part}`, location[part]);
    }
  }
  for (const event of ["resize", "hashchange", "popstate"]) window.addEventListener(event, reportPage);

  // ---------------------------------------------------------------- binding

  const OUTPUTS = ".shiny-text-output, .shiny-html-output";

  function matching(within, selector) {
    const found = [...within.querySelectorAll(selector)];
    return within.matches(selector) ? [within, ...found] : found;
  }

  function bind(within) {
    for (const el of matching(within, OUTPUTS)) {
      if (!isNew(el, outputs)) continue;
      outputs.set(el.id, el);
      el.classList.add("shiny-bound-output");
      // A text is read out as it changes. An HTML output may be a whole table: that is for the page to decide.
      if (el.matches(".shiny-text-output") && !el.ariaLive) el.ariaLive = "polite";
      resized.observe(el);
      crossed.observe(el);
      set(hiddenKey(el.id), !isShown(el));
      look(el.id);
      if (results.has(el.id)) render(el.id);
    }
    for (const el of matching(within, INPUTS)) {
      if (el.hasAttribute("data-shiny-no-bind-input") || el.parentElement?.closest(INPUT_GROUPS)) continue;
      if (!isNew(el, inputs)) continue;
      inputs.set(el.id, el);
      el.classList.add("shiny-bound-input");
      report(el);
    }
  }

  function isNew(el, bound) {
    if (!el.id || bound.get(el.id) === el) return false;
    if (bound.has(el.id)) console.warn(`There is more than one #${el.id}; only the first is bound.`);
    return !bound.has(el.id);
  }

  function unbind(within) {
    const gone = [];
    for (const el of matching(within, ".shiny-bound-output")) {
      if (outputs.get(el.id) !== el) continue;
      outputs.delete(el.id);
      resized.unobserve(el);
      crossed.unobserve(el);
      gone.push(el.id);
    }
    for (const el of matching(within, ".shiny-bound-input")) {
      if (inputs.get(el.id) !== el) continue;
      inputs.delete(el.id);
      clearTimeout(typing.get(el.id));
      typing.delete(el.id);
      uploads.get(el)?.leave();
      gone.push(el.id);
    }
    return gone;
  }

  // Puts `content` where `before` was. What comes back under the same id keeps its result and stays known to the
  // server; all else is forgotten, so that a later element of that id starts afresh.
  function exchange(before, change) {
    const gone = before.flatMap(unbind);
    for (const el of change()) bind(el);
    for (const id of gone) {
      if (!inputs.has(id)) sent.delete(id);
      if (outputs.has(id)) continue;
      if (sent.has(hiddenKey(id))) set(hiddenKey(id), true);
      sent.delete(hiddenKey(id));
      results.delete(id);
      states.delete(id);
    }
  }

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  const elements = (fragment) => [...fragment.children];
  const markup = (content) => (typeof content === "object" ? content?.html : content) ?? "";

  // ---------------------------------------------------------------- outputs

  const results = new Map(); // id → { value } or { error }, kept for elements that come later
  const states = new Map(); // id → "invalidated" | "running" | "idle"; absent once there is a result

  function look(id) {
    const el = outputs.get(id);
    if (!el) return;
    el.classList.toggle("recalculating", states.has(id));
    el.setAttribute("aria-busy", String(states.has(id)));
  }

  function enter(id, state) {
    if (state) states.set(id, state);
    else states.delete(id);
    look(id);
  }

  function render(id) {
    const el = outputs.get(id);
    const { value, error } = results.get(id);
    for (const name of [...el.classList]) if (name.startsWith("shiny-output-error")) el.classList.remove(name);
    if (error) {
      if (error.message) el.classList.add("shiny-output-error");
      for (const type of [error.type ?? []].flat()) {
        if (/^[\w-]+$/.test(type)) el.classList.add(`shiny-output-error-${type}`);
      }
    }
    if (!error && el.matches(".shiny-html-output")) {
      replaceContent(el, markup(value));
    } else {
      const words = String((error ? error.message : value) ?? "");
      exchange([...el.children], () => {
        // An unchanged text is left alone: setting it would have screen readers say it again.
        if (el.textContent !== words || el.firstElementChild) el.textContent = words;
        return [];
      });
    }
  }

  function replaceContent(el, html) {
    const focused = el.contains(document.activeElement) ? document.activeElement.id : "";
    const content = parse(html);
    exchange([...el.children], () => {
      el.replaceChildren(content);
      return elements(el);
    });
    if (focused) document.getElementById(focused)?.focus();
  }

  function settle(id, result) {
    const before = results.get(id);
    results.set(id, result);
    const same = before && "value" in before && typeof result.value !== "object" && before.value === result.value;
    if (outputs.has(id) && !same) render(id);
  }

  // ---------------------------------------------------------------- what comes from the server

  const customHandlers = new Map(); // type → set of functions
  const requests = new Map(); // tag → { resolve, reject }
  let tag = 0;

  // The handlers of one message run in this order, whatever the order of its keys.
  const HANDLERS = {
    values(values, message) {
      for (const [id, value] of Object.entries(values)) settle(id, { value });
      for (const [id, error] of Object.entries(message.errors ?? {})) settle(id, { error });
      if (!message.errors) return; // content alone: it says nothing about what is still running
      for (const id of Object.keys({ ...values, ...message.errors })) enter(id, null);
      for (const [id, state] of [...states]) if (state === "idle") enter(id, null); // ran, gave nothing new
    },
    inputMessages(messages) {
      for (const { id, message } of messages) {
        const el = inputs.get(id);
        if (el) receive(el, message);
      }
    },
    progress({ type, message }) {
      if (type === "binding") enter(message.id, "invalidated");
      else if (type === "open") openProgress(message);
      else if (type === "update") updateProgress(message);
      else if (type === "close") removeNotice(noticeOf(message.id));
    },
    notification({ type, message }) {
      if (type === "show") notify(message);
      else if (type === "remove") removeNotice(noticeOf(message));
    },
    modal({ type, message }) {
      if (type === "show") changeModal(dialogOf(markup(message)));
      else if (type === "remove") changeModal(null);
    },
    response(response) {
      const request = requests.get(response.tag);
      requests.delete(response.tag);
      if ("value" in response) request?.resolve(response.value);
      else request?.reject(new Error(response.error));
    },
    allowReconnect(allowed) {
      mayReconnect = Boolean(allowed);
    },
    custom(messages) {
      for (const [type, payload] of Object.entries(messages)) deliver(type, payload);
    },
    config({ sessionId }) {
      session.id = sessionId;
      connected();
    },
    busy(state) {
      root.classList.toggle("shiny-busy", state === "busy");
    },
    recalculating({ name, status }) {
      enter(name, status === "recalculating" ? "running" : "idle");
    },
    reload() {
      location.reload();
    },
    "shiny-insert-ui"({ selector, multiple, where, content }) {
      const targets = [...document.querySelectorAll(selector)].slice(0, multiple ? undefined : 1);
      if (!targets.length) console.warn(`There is no ${selector} to insert content at.`);
      for (const target of targets) insert(target, where.toLowerCase(), parse(markup(content)));
    },
    "shiny-remove-ui"({ selector, multiple }) {
      remove([...document.querySelectorAll(selector)].slice(0, multiple ? undefined : 1));
    },
    frozen({ ids }) {
      for (const id of ids) if (sent.has(id)) sent.get(id).json = null; // said again, even if it is the same
    },
    "shiny-insert-tab"(message) {
      insertTab(tabsetOf(message.inputId), message);
    },
    "shiny-remove-tab"({ inputId, target }) {
      const tabset = tabsetOf(inputId);
      const tab = tabOf(tabset, target);
      remove([itemOf(tab), paneOf(tab)].filter(Boolean));
      chooseSome(tabset);
    },
    "shiny-change-tab-visibility"({ inputId, target, type }) {
      const tabset = tabsetOf(inputId);
      const tab = tabOf(tabset, target);
      if (type === "hide" && isChosen(tab)) mark(tab, false);
      for (const el of [itemOf(tab), paneOf(tab)]) if (el) el.hidden = type === "hide";
      chooseSome(tabset);
    },
    updateQueryString({ queryString, mode }) {
      const address = new URL(queryString, location.href); // a <base> counts for links, not here
      if (mode === "push") history.pushState(null, "", address);
      else history.replaceState(null, "", address);
      reportPage();
    },
  };

  const PLACES = { beforebegin: "before", afterbegin: "prepend", beforeend: "append", afterend: "after" };

  function insert(target, where, fragment) {
    exchange(where === "replace" ? [...target.children] : [], () => {
      const fresh = elements(fragment);
      target[where === "replace" ? "replaceChildren" : PLACES[where]](fragment);
      return fresh;
    });
  }

  function remove(targets) {
    exchange(targets, () => {
      for (const target of targets) target.remove();
      return [];
    });
  }

  // A recalculation comes first when it shares a message with the result that it leads to.
  function receiveMessage(message) {
    const { recalculating, ...others } = message;
    if (recalculating) attempt("recalculating", recalculating, message);
    for (const key of Object.keys(HANDLERS)) if (key in others) attempt(key, others[key], message);
  }

  function attempt(key, content, message) {
    try {
      HANDLERS[key](content, message);
    } catch (error) {
      console.error(`Could not handle "${key}" of a message.`, error);
    }
  }

  function deliver(type, payload) {
    for (const handler of customHandlers.get(type) ?? []) {
      try {
        handler(payload);
      } catch (error) {
        console.error(`A handler of "${type}" failed.`, error);
      }
    }
  }

  // A binary frame is a custom message: one byte for the length of the type's name, the name, the content.
  function receiveBinary(buffer) {
    const bytes = new Uint8Array(buffer);
    const end = 1 + bytes[0];
    deliver(String.fromCharCode(...bytes.subarray(1, end)), buffer.slice(end));
  }

  // ---------------------------------------------------------------- inputs that the server changes

  function receive(el, message) {
    for (const name of ["min", "max", "step", "placeholder"]) {
      if (message[name] === null) el.removeAttribute(name);
      else if (message[name] !== undefined) el.setAttribute(name, message[name]);
    }
    if (message.disabled !== undefined) disable(el, Boolean(message.disabled));
    if (message.icon !== undefined) replaceContent(buttonPart(el, "icon"), markup(message.icon));
    if (message.label !== undefined) relabel(el, markup(message.label));
    if (message.options !== undefined) offer(el, parse(message.options));
    const key = ["value", "checked", "selected"].find((name) => name in message);
    if (key) kindOf(el).write(el, message[key]);
    report(el);
  }

  // A link cannot be disabled, but say so.
  function disable(el, disabled) {
    if ("disabled" in el) el.disabled = disabled;
    else el.ariaDisabled = String(disabled);
    el.classList.toggle("disabled", disabled);
  }

  // A label around its input keeps the input; its words are then in a <span>.
  function relabel(el, html) {
    if (el.matches(".action-button")) return replaceContent(buttonPart(el, "label"), html);
    const label = el.labels?.[0] ?? document.getElementById(`${el.id}-label`);
    const place = label?.contains(el) ? label.querySelector("span") : label;
    if (!place) return;
    replaceContent(place, html);
    place.classList.toggle("shiny-label-null", !html);
  }

  // The part of a button that holds its icon or its label. A label without one is all but the icon.
  function buttonPart(el, name) {
    const part = (name) => el.querySelector(`:scope > .action-${name}`);
    if (part(name)) return part(name);
    const fresh = create("span", { className: `action-${name}` });
    if (name === "icon") el.prepend(fresh);
    else el.replaceChildren(...[part("icon"), fresh].filter(Boolean));
    return fresh;
  }

  // Other choices in the place of those that there are; the group's own label stays.
  function offer(el, content) {
    if (el.matches("select")) return el.replaceChildren(content);
    const around = content.querySelector(".shiny-options-group");
    const group = around ?? create("div", { className: "shiny-options-group" }, content);
    const old = el.querySelector(".shiny-options-group");
    if (old) return old.replaceWith(group);
    const own = [...el.children].filter((child) => child.matches("label, legend") && !child.querySelector("input"));
    el.replaceChildren(...own, group);
  }

  // ---------------------------------------------------------------- tabs

  const tabsOf = (tabset) => [...tabset.querySelectorAll("a[data-value]:not(.dropdown-toggle)")];
  const itemOf = (tab) => tab.closest("li");
  const paneOf = (tab) => document.getElementById((tab.getAttribute("href") ?? "").replace(/^[^#]*#/, ""));
  const isChosen = (tab) => tab.classList.contains("active") || itemOf(tab).classList.contains("active");

  function tabsetOf(id) {
    const tabset = document.getElementById(id);
    if (!tabset?.matches(TABSETS)) throw new Error(`There is no tabset #${id}.`);
    return tabset;
  }

  function tabOf(tabset, value) {
    const tab = tabsOf(tabset).find((tab) => tab.dataset.value === value);
    if (!tab) throw new Error(`There is no tab "${value}" in #${tabset.id}.`);
    return tab;
  }

  function contentOf(tabset) {
    const same = ({ dataset }) => dataset.tabsetid === tabset.dataset.tabsetid;
    const content = tabset.dataset.tabsetid
      ? [...document.querySelectorAll(".tab-content")].find(same)
      : tabsOf(tabset).map(paneOf).find(Boolean)?.parentElement;
    if (!content) throw new Error(`There is no .tab-content for #${tabset.id}.`);
    return content;
  }

  // The words of Bootstrap 3 and of Bootstrap 5 for the tab that shows.
  function mark(tab, chosen) {
    tab.ariaSelected = String(chosen);
    for (const el of [tab, itemOf(tab), paneOf(tab)]) el?.classList.toggle("active", chosen);
    paneOf(tab)?.classList.toggle("show", chosen);
  }

  function chooseTab(tabset, value) {
    const chosen = tabOf(tabset, value);
    for (const tab of tabsOf(tabset)) mark(tab, tab === chosen);
    chosenIs(tabset);
  }

  // Without the tab that showed, the first of those that are left takes over.
  function chooseSome(tabset) {
    const left = tabsOf(tabset).filter((tab) => !itemOf(tab).hidden);
    if (left.length && !left.some(isChosen)) chooseTab(tabset, left[0].dataset.value);
    else chosenIs(tabset);
  }

  function chosenIs(tabset) {
    if (inputs.get(tabset.id) === tabset) report(tabset);
    reportVisibility();
  }

  function insertTab(tabset, { liTag, divTag, menuName, target, position, select }) {
    if (menuName != null) throw new Error("Menus of tabs are left to the Shiny client.");
    const [content, beside] = [contentOf(tabset), target == null ? null : itemOf(tabOf(tabset, target))];
    const item = parse(markup(liTag)).querySelector("li");
    const pane = parse(markup(divTag)).querySelector(".tab-pane");
    const tab = item.querySelector("a[data-value]");
    let number = tabsOf(tabset).length;
    const id = () => `tab-${tabset.dataset.tabsetid ?? tabset.id}-${number}`;
    while (document.getElementById(id())) number++;
    pane.id = id();
    tab.setAttribute("href", `#${pane.id}`);
    exchange([], () => {
      if (beside) beside[position](item);
      else tabset[position === "before" ? "prepend" : "append"](item);
      content.append(pane);
      return [item, pane];
    });
    if (select) chooseTab(tabset, tab.dataset.value);
  }

  document.addEventListener("click", (event) => {
    const tab = event.target.closest("a[data-value]:not(.dropdown-toggle)");
    const tabset = tab?.closest(TABSETS);
    if (!tabset) return;
    event.preventDefault(); // the address stays
    if (tab.matches(".disabled, [aria-disabled=true]")) return;
    finishTyping();
    for (const other of tabsOf(tabset)) mark(other, other === tab);
    chosenIs(tabset);
  });

  // ---------------------------------------------------------------- notices: notifications and progress

  function create(name, properties, ...children) {
    const el = Object.assign(document.createElement(name), properties);
    el.append(...children);
    return el;
  }

  const noticeOf = (id) => document.getElementById(`shiny-notification-${id}`);
  const panelOf = () => document.getElementById("shiny-notification-panel");

  // In the place of the notice of this id, if there is one.
  function showNotice(id, { type, duration = NOTIFICATION_MS, closeButton }, ...content) {
    const kind = NOTIFICATION_TYPES.includes(type) ? type : "default";
    const notice = create("div", { className: `shiny-notification shiny-notification-${kind}` }, ...content);
    if (closeButton !== false) {
      const close = create("button", { type: "button", textContent: "\u00d7", ariaLabel: "Close" });
      close.className = "shiny-notification-close";
      close.addEventListener("click", () => removeNotice(notice));
      notice.append(close);
    }
    const old = id ? noticeOf(id) : null;
    if (id) notice.id = `shiny-notification-${id}`;
    if (!panelOf()) {
      const panel = create("div", { id: "shiny-notification-panel" });
      panel.setAttribute("role", "status");
      layer().append(panel);
    }
    exchange(old ? [old] : [], () => {
      if (old) old.replaceWith(notice);
      else panelOf().append(notice);
      return [notice];
    });
    if (duration) setTimeout(() => removeNotice(notice), duration);
  }

  function removeNotice(notice) {
    if (notice?.isConnected) remove([notice]);
  }

  function notify({ html, action, id, ...looks }) {
    const part = (name, html) => create("div", { className: `shiny-notification-content-${name}` }, parse(html));
    const content = create("div", { className: "shiny-notification-content" }, part("text", markup(html)));
    if (action) content.append(part("action", markup(action)));
    showNotice(id, looks, content);
  }

  function openProgress({ id }) {
    const bar = create("progress", { max: 1, hidden: true });
    const [message, detail] = ["message", "detail"].map((name) => create("span", { className: `progress-${name}` }));
    const content = create("div", { id: `shiny-progress-${id}`, className: "session-progress" });
    content.append(bar, create("div", {}, message, " ", detail));
    showNotice(id, { duration: null }, content);
  }

  function updateProgress({ id, message, detail, value }) {
    const panel = document.getElementById(`shiny-progress-${id}`);
    if (!panel) return; // the user closed it
    if (message !== undefined) panel.querySelector(".progress-message").textContent = message;
    if (detail !== undefined) panel.querySelector(".progress-detail").textContent = detail;
    if (value == null) return;
    Object.assign(panel.querySelector("progress"), { value, hidden: false });
  }

  // ---------------------------------------------------------------- the dialog before the page

  const DISMISS = '[data-dismiss="modal"], [data-bs-dismiss="modal"]';
  let modal = null;

  // Where the client's own notices are: beside an open dialog nothing can be clicked.
  const layer = () => modal ?? document.body;

  // The dialog that Bootstrap's markup describes. The script in it, which shows it elsewhere, stays behind.
  function dialogOf(html) {
    const given = parse(html);
    for (const script of given.querySelectorAll("script")) script.remove();
    const frame = given.querySelector("#shiny-modal");
    const says = (name, word) => [`data-${name}`, `data-bs-${name}`].some((name) => frame?.getAttribute(name) === word);
    const [staysOnClick, staysOnKey] = [says("backdrop", "static"), says("keyboard", "false")];
    const size = ["modal-sm", "modal-lg", "modal-xl"].find((size) => frame?.querySelector(`.${size}`)) ?? "";
    const content = frame?.querySelector(".modal-content") ?? create("div", { className: "modal-content" }, given);
    const dialog = create("dialog", { id: "shiny-modal", className: `session-modal ${size}`.trim() }, content);
    const title = content.querySelector(".modal-title");
    if (title) {
      title.id ||= "shiny-modal-title";
      dialog.setAttribute("aria-labelledby", title.id);
    }
    if (staysOnKey) dialog.setAttribute("closedby", "none");
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && staysOnKey) event.preventDefault(); // for browsers that do not know `closedby`
    });
    dialog.addEventListener("cancel", (event) => {
      if (event.target !== dialog) return; // that of a file input comes by
      event.preventDefault();
      if (!staysOnKey) dismiss();
    });
    dialog.addEventListener("close", () => modal === dialog && changeModal(null)); // a form within may close it
    dialog.toggleAttribute("data-stays-on-click", staysOnClick);
    return dialog;
  }

  // What was typed and clicked within counts: an action button may close the dialog, and has been heard before this.
  function dismiss() {
    finishTyping();
    changeModal(null);
  }

  let pressed = null; // who selects text and lets go beside the dialog does not mean to close it
  document.addEventListener("pointerdown", ({ target }) => (pressed = target));
  document.addEventListener("click", ({ target }) => {
    if (!modal?.contains(target)) return;
    const beside = target === modal && pressed === modal && !modal.hasAttribute("data-stays-on-click");
    if (beside || target.closest(DISMISS)) dismiss();
  });

  // One comes in the place of the other, so that what both hold stays known.
  function changeModal(next) {
    const old = modal;
    if (!old && !next) return;
    modal = next;
    old?.close();
    if (next) {
      document.body.append(next);
      next.showModal();
    }
    if (panelOf()) layer().append(panelOf());
    if (banner) layer().prepend(banner);
    exchange(old ? [old] : [], () => {
      old?.remove();
      return next ? [next] : [];
    });
  }

  // ---------------------------------------------------------------- files that HTML depends on

  const loads = new Map(); // name of a dependency → a promise of its files, or null once they are there

  // Those that a message brings, in any of the places where it may have HTML.
  function dependenciesOf(message) {
    const tab = message["shiny-insert-tab"];
    const fields = (message.inputMessages ?? []).flatMap(({ message }) => Object.values(message ?? {}));
    return [
      ...Object.values(message.values ?? {}),
      ...fields,
      message.notification?.message,
      message.modal?.message,
      message["shiny-insert-ui"]?.content,
      tab?.liTag,
      tab?.divTag,
    ].flatMap((content) => (typeof content?.html === "string" ? content.deps ?? [] : []));
  }

  // Ready once all files have come, or have failed to.
  async function load(dependencies) {
    for (const dependency of dependencies) {
      const { name } = dependency;
      if (loads.has(name)) continue;
      const failed = (error) => console.error(`The dependency "${name}" could not be put into the page.`, error);
      loads.set(name, fetchFiles(dependency).catch(failed).then(() => loads.set(name, null)));
    }
    await Promise.all(dependencies.map(({ name }) => loads.get(name)));
  }

  // Puts the elements into the head at once; the files come in their time.
  async function fetchFiles({ meta, stylesheet, script, head }) {
    const make = (name, attributes) => {
      const el = document.createElement(name);
      for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
      return el;
    };
    const more = parse(head ?? "");
    // A script that a parser made here would not run.
    const sources = [...more.querySelectorAll("script")].map((el) => {
      el.remove();
      return Object.fromEntries([...el.attributes].map(({ name, value }) => [name, value]));
    });
    const sheets = [stylesheet ?? []].flat().map((attributes) => make("link", { rel: "stylesheet", ...attributes }));
    const allScripts = [script ?? [], sources.filter(({ src }) => src)].flat();
    const scripts = allScripts.map((attributes) => make("script", attributes));
    for (const el of scripts) el.async = false; // they run in this order
    const files = [...sheets, ...scripts];
    const settled = files.map((el) => new Promise((resolve) => (el.onload = el.onerror = resolve)));
    const metas = [meta ?? []].flat().map((attributes) => make("meta", attributes));
    document.head.append(...metas, ...sheets, more, ...scripts);
    const late = new Promise((resolve) => setTimeout(resolve, DEPENDENCIES_MS));
    await Promise.race([Promise.all(settled), late]);
  }

  // Messages are handled one after the other. One that brings dependencies waits for them, and all behind it with it.
  async function handle(line) {
    line.busy = true;
    while (line.length && line === arrived) {
      const data = line.shift();
      try {
        if (typeof data !== "string") {
          receiveBinary(data);
          continue;
        }
        const message = JSON.parse(data);
        const missing = dependenciesOf(message).filter(({ name }) => loads.get(name) !== null);
        if (missing.length) await load(missing);
        if (line === arrived) receiveMessage(message);
      } catch (error) {
        console.error("A message of the server could not be read.", error);
      }
    }
    line.busy = false;
  }

  // ---------------------------------------------------------------- how the connection is

  const CLOSE_WORDS = {
    1000: "The session has ended.",
    1001: "The server ended the session.",
    1002: "This page and the server did not understand each other.",
    1006: "The connection to the server was lost.",
    1007: "The server could not read a message of this page.",
    1008: "The server refused to go on with this session.",
    1009: "A message was larger than the server accepts.",
    1011: "Something went wrong in the application.",
    1012: "The server is restarting.",
    1013: "The server has too much to do at the moment.",
  };

  let banner = null;

  function showBanner(state, words, ...buttons) {
    const old = banner;
    banner = create("div", { className: `session-banner session-banner-${state}` }, create("span", {}, words));
    banner.setAttribute("role", state === "disconnected" ? "alert" : "status");
    for (const [label, act] of buttons) {
      const button = create("button", { type: "button", textContent: label });
      button.addEventListener("click", act);
      banner.append(button);
    }
    if (old) old.replaceWith(banner);
    else layer().prepend(banner);
  }

  // ---------------------------------------------------------------- the connection

  let socket = null;
  let open = false; // init was sent: updates may follow
  let queue = []; // requests made before that
  let mayReconnect = false;
  let failures = 0;
  let arrived = []; // what this connection brought and nobody has handled yet

  function address() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const path = location.pathname.endsWith("/") ? location.pathname : `${location.pathname}/`;
    return `${scheme}//${location.host}${path}websocket/`;
  }

  function send(message) {
    const line = JSON.stringify(message);
    if (open) socket.send(line);
    else queue.push(line);
  }

  function connect() {
    showBanner("connecting", "Connecting\u2026");
    root.dataset.session = "connecting";
    const url = address();
    socket = window.createSessionSocket ? window.createSessionSocket(url) : new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      reportVisibility();
      const data = Object.fromEntries([...sent.values()].map(({ key, value }) => [key, value]));
      socket.send(JSON.stringify({ method: "init", data }));
      open = true;
      for (const line of queue) socket.send(line);
      queue = [];
    };
    const line = (arrived = []);
    socket.onmessage = ({ data }) => {
      line.push(data);
      if (!line.busy) handle(line);
    };
    socket.onclose = disconnected;
  }

  function connected() {
    failures = 0;
    session.connected = true;
    root.dataset.session = "connected";
    banner?.remove();
    banner = null;
    document.dispatchEvent(new CustomEvent("session:connected", { detail: { id: session.id } }));
  }

  function disconnected({ code = 1006, reason = "" }) {
    const had = session.connected;
    socket = null;
    open = session.connected = false;
    batch = null;
    for (const { reject } of requests.values()) reject(new Error("the connection was closed"));
    requests.clear();
    queue = [];
    arrived = [];
    for (const id of [...states.keys()]) enter(id, null); // what was running will not come any more
    for (const panel of document.querySelectorAll(".session-progress")) removeNotice(panel.parentElement);
    root.classList.remove("shiny-busy");
    root.dataset.session = "disconnected";

    let words = had || code !== 1006 ? CLOSE_WORDS[code] : "The server could not be reached.";
    words = `${words ?? "The connection was closed."} (${code}${reason && `: ${reason}`})`;
    const reload = ["Reload", () => location.reload()];
    if (mayReconnect) reconnectSoon(words, reload);
    else showBanner("disconnected", words, reload);
    document.dispatchEvent(new CustomEvent("session:disconnected", { detail: { code, reason } }));
  }

  function reconnectSoon(words, reload) {
    const delay = RECONNECT_DELAYS_MS[Math.min(failures++, RECONNECT_DELAYS_MS.length - 1)];
    // A server that restarts should not meet all of its pages in the same instant.
    const timer = setTimeout(connect, delay * (0.8 + 0.4 * Math.random()));
    const now = () => {
      clearTimeout(timer);
      connect();
    };
    showBanner("disconnected", `${words} Trying again soon.`, ["Try now", now], reload);
  }

  // ---------------------------------------------------------------- the page's own scripts

  const session = {
    id: null,
    connected: false,
    set,
    on(type, handler) {
      if (!customHandlers.has(type)) customHandlers.set(type, new Set());
      customHandlers.get(type).add(handler);
      return () => customHandlers.get(type).delete(handler);
    },
    request(method, ...args) {
      finishTyping();
      flush(); // the handler finds the inputs as they were at this moment
      return new Promise((resolve, reject) => {
        requests.set(tag, { resolve, reject });
        send({ method, args, tag: tag++ });
      });
    },
  };
  window.session = session;

  function start() {
    set(".clientdata_singletons", "");
    set(".clientdata_url_hash_initial", location.hash);
    reportPage();
    bind(document.body);
    connect();
  }

  // A page that is left keeps its looks: no banner flashes while the next page loads. One that comes back from
  // the browser's cache has lost its socket.
  window.addEventListener("pagehide", () => {
    if (!socket) return;
    socket.onclose = null;
    socket.close();
  });
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted && socket) disconnected({ code: 1006 });
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
