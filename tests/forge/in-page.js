// Runs in the page of a report.
/* global document, mermaid, NodeFilter */

/** What the forges' own scripts do: alerts, coloured diffs, pictures. */
// eslint-disable-next-line @typescript-eslint/no-unused-vars
async function drawAll() {
  document.querySelectorAll("blockquote").forEach(drawAlert);
  document.querySelectorAll("code.language-diff").forEach(drawDiff);
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });
  for (const [index, code] of [...document.querySelectorAll("code.language-mermaid")].entries()) {
    const picture = document.createElement("div");
    picture.className = "picture";
    picture.innerHTML = (await mermaid.render(`picture-${index}`, code.textContent)).svg;
    code.parentElement.replaceWith(picture);
  }
}

function drawAlert(quote) {
  const first = quote.querySelector("p");
  const kind = /^\[!(\w+)\]\s*/.exec(first?.innerHTML ?? "");
  if (kind === null) return;
  first.innerHTML = first.innerHTML.slice(kind[0].length);
  const title = document.createElement("p");
  title.className = "markdown-alert-title";
  title.textContent = kind[1][0] + kind[1].slice(1).toLowerCase();
  quote.className = `markdown-alert markdown-alert-${kind[1].toLowerCase()}`;
  quote.prepend(title);
}

function drawDiff(code) {
  const lines = code.textContent.replace(/\n$/, "").split("\n");
  const drawn = lines.map((text) => {
    const line = document.createElement("div");
    line.textContent = text === "" ? " " : text;
    line.className = text.startsWith("+") ? "added" : text.startsWith("-") ? "removed" : "";
    return line;
  });
  code.replaceChildren(...drawn);
}

/** What became of the Markdown: elements outside of pictures, what could act, pictures, the height. */
// eslint-disable-next-line @typescript-eslint/no-unused-vars
function seen() {
  const article = document.querySelector("article");
  const outside = [...article.querySelectorAll("*")].filter((one) => one.closest(".picture") === null);
  const active = "script, iframe, object, embed, form, input, a, img, [onclick], [onerror], [onload]";
  const comment = document.createTreeWalker(article, NodeFilter.SHOW_COMMENT).nextNode();
  return {
    elements: [...new Set(outside.map((one) => one.localName))].sort(),
    active: [...article.querySelectorAll(active)].map((one) => one.outerHTML),
    comment: comment === null ? null : comment.data,
    pictures: [...article.querySelectorAll(".picture svg")].map((svg) => svg.getAttribute("aria-roledescription")),
    height: article.getBoundingClientRect().height,
  };
}

// eslint-disable-next-line @typescript-eslint/no-unused-vars
function unfold() {
  for (const details of document.querySelectorAll("details")) details.open = true;
}
