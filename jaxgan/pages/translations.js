// The page of translated images. Needs elements.js and viewer.js.

const pairs = [...document.querySelectorAll(".pairs figure")];

/** Returns what `enlarge` shows of a pair: the whole output, if browsers can show it. */
function enlarged(pair) {
  const [input, output] = pair.querySelectorAll("img");
  const whole = output.cloneNode();
  whole.src = output.dataset.whole ?? output.src;
  return {
    caption: pair.querySelector("figcaption span").textContent,
    pictures: [["input", input.cloneNode()], ["output", whole]],
    link: pair.querySelector("a").href,
  };
}

const items = pairs.map((pair) => () => enlarged(pair));
pairs.forEach((pair, index) =>
  pair.querySelector("button").addEventListener("click", () => enlarge(items, index)));
