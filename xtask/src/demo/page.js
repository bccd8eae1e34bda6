// What the page needs besides its inputs and outputs: custom messages of the server, and a request to it. These few
// lines are all in which the two clients differ, ours (window.session) and Shiny's.
const client = window.session ?? {
  on: (type, listener) => Shiny.addCustomMessageHandler(type, listener),
  request: (method, ...args) =>
    new Promise((answer, fail) => Shiny.shinyapp.makeRequest(method, args, answer, (error) => fail(new Error(error)))),
};

const find = (selector) => document.querySelector(selector);

client.on("announce", (text) => {
  find("[data-announcement]").textContent = text;
});

find("[data-describe-now]").addEventListener("click", async () => {
  let facts;
  try {
    facts = await client.request("describe", find("[data-describe]").value);
  } catch (error) {
    facts = { error: error.message };
  }
  const readable = (value) => (typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 3 }) : value);
  const elements = Object.entries(facts).map(([name, value]) => {
    const pair = document.createElement("div");
    const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name.replaceAll("_", " ");
    detail.textContent = readable(value ?? "none");
    pair.append(term, detail);
    return pair;
  });
  find("[data-description]").replaceChildren(...elements);
});

// The controls act while one types; Enter has nothing to submit.
find("form").addEventListener("submit", (event) => event.preventDefault());
