// Line charts: a thin line as measured, and a thick one smoothed. Needs elements.js.

const CHART = { height: 240, left: 60, right: 22, top: 10, bottom: 38 };

/** Returns the means of values over a window, which is a share of all values. */
function smooth(values, share) {
  const half = Math.floor((values.length * share) / 2);
  const sums = [0];
  for (const value of values) sums.push(sums.at(-1) + value);
  return values.map((_, index) => {
    const start = Math.max(0, index - half);
    const end = Math.min(values.length, index + half + 1);
    return (sums[end] - sums[start]) / (end - start);
  });
}

/** Returns round numbers from `low` to `high`, about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const found = [];
  for (let tick = Math.ceil(low / step); tick * step <= high; tick++) found.push(tick * step);
  return found;
}

const shorten = (value, digits) => String(Number(value.toPrecision(digits)));
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** Curves over steps that share a unit. */
class Chart {
  share = 0;
  zoom = null; // the first and last step shown; null for all
  cursor = null; // the step whose values are shown; null for the last one of each curve
  drag = null; // where a drag started, in pixels

  /** Takes curves: their `name`, `steps` and `values`. */
  constructor(unit, curves) {
    this.curves = curves.map((curve) => ({ ...curve, shown: true }));
    this.steps = [...new Set(curves.flatMap((curve) => curve.steps))].sort((a, b) => a - b);
    this.svg = svg("svg", {
      class: "chart", height: CHART.height, tabindex: 0, role: "img",
      "aria-label": `${unit} by step: ${curves.map((curve) => curve.name).join(", ")}`,
      onpointerdown: (event) => this.press(event),
      onpointermove: (event) => this.hover(event.offsetX),
      onpointerup: (event) => this.release(event.offsetX),
      onpointercancel: () => { this.drag = null; },
      onpointerleave: () => this.point(null),
      onkeydown: (event) => this.move(event),
    });
    this.values = curves.map(() => html("output"));
    this.at = html("output", { class: "at" });
    this.reset = html("button", { type: "button", onclick: () => this.show(null) }, "Reset zoom");
    const legend = this.curves.map((curve, index) => {
      const toggle = (event) => {
        curve.shown = !curve.shown;
        event.currentTarget.setAttribute("aria-pressed", curve.shown);
        this.draw();
      };
      const attributes = { type: "button", "aria-pressed": true, class: `curve-${index % 8}` };
      const name = html("span", {}, curve.name);
      return html("button", { ...attributes, onclick: toggle }, name, this.values[index]);
    });
    const caption = html("figcaption", {}, html("strong", {}, unit), this.at, this.reset);
    this.node = html("figure", {}, caption, this.svg, html("div", { class: "legend" }, ...legend));
    this.show(null);
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  /** Shows the steps from `zoom[0]` to `zoom[1]`, or all. */
  show(zoom) {
    this.zoom = zoom;
    this.reset.hidden = !zoom;
    this.draw();
  }

  draw() {
    const width = this.svg.clientWidth - CHART.left - CHART.right;
    const height = CHART.height - CHART.top - CHART.bottom;
    if (width <= 0) return;
    const [first, last] = this.zoom ?? [this.steps[0], this.steps.at(-1)];
    const values = this.curves.filter((curve) => curve.shown).flatMap(({ steps, values }) =>
      values.filter((_, index) => steps[index] >= first && steps[index] <= last));
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (!values.length) [low, high] = [0, 1];
    const space = (high - low) * 0.05 || Math.abs(low) * 0.1 || 1;
    [low, high] = [low - space, high + space];
    const x = (step) => ((step - first) / (last - first || 1)) * width;
    const y = (value) => height - ((value - low) / (high - low)) * height;
    const lines = (kind, share) => this.curves.flatMap(({ steps, values, shown }, index) => {
      const points = smooth(values, share).map((value, at) =>
        `${x(steps[at]).toFixed(1)} ${y(value).toFixed(1)}`);
      const d = `M${points.join("L")}h0`; // h0 makes a single point visible
      return shown ? [svg("path", { class: `${kind} curve-${index % 8}`, d })] : [];
    });
    const marks = ticks(low, high, 5).flatMap((value) => [
      svg("path", { class: "tick", d: `M0 ${y(value)}h${width}` }),
      svg("text", { x: -8, y: y(value) + 4, "text-anchor": "end" }, shorten(value, 6)),
    ]);
    const below = ticks(first, last, Math.max(2, width / 70)).map((step) =>
      svg("text", { x: x(step), y: height + 16, "text-anchor": "middle" }, shorten(step, 12)));
    below.push(svg("text", { x: width / 2, y: height + 33, "text-anchor": "middle" }, "step"));
    this.line = svg("path", { class: "cursor" });
    this.picked = svg("rect", { class: "picked", height, hidden: "" });
    const inside = svg("svg", { width, height }, // hides what is outside of the zoom
      ...lines("raw", 0), ...lines("smooth", this.share), this.line, this.picked);
    const place = { transform: `translate(${CHART.left} ${CHART.top})` };
    this.svg.replaceChildren(svg("g", place, ...marks, ...below, inside));
    const toStep = (left) => first + ((left - CHART.left) / width) * (last - first);
    this.scale = { x, height, toStep };
    this.point(this.cursor);
  }

  /** Shows the values at the step nearest to `step`, or the last ones. */
  point(step) {
    this.cursor = step;
    const nearest = (steps) =>
      steps.reduce((best, other) => Math.abs(other - step) < Math.abs(best - step) ? other : best);
    const found = step === null ? this.steps.at(-1) : nearest(this.steps);
    this.at.textContent = `step ${found}`;
    this.curves.forEach(({ steps, values }, index) => {
      const value = step === null ? values.at(-1) : values[steps.indexOf(nearest(steps))];
      this.values[index].textContent = shorten(value, 4);
    });
    const line = () => `M${this.scale.x(found)} 0V${this.scale.height}`;
    this.line?.setAttribute("d", step === null ? "" : line());
  }

  press(event) {
    if (event.pointerType !== "mouse" || event.button !== 0) return; // fingers scroll the page
    this.svg.setPointerCapture(event.pointerId);
    this.drag = event.offsetX;
  }

  hover(left) {
    if (this.drag !== null) {
      this.picked.removeAttribute("hidden");
      this.picked.setAttribute("x", Math.min(this.drag, left) - CHART.left);
      this.picked.setAttribute("width", Math.abs(left - this.drag));
    }
    this.point(this.scale.toStep(left));
  }

  release(left) {
    if (this.drag === null) return;
    const range = [this.drag, left].sort((a, b) => a - b).map(this.scale.toStep);
    const isDrag = Math.abs(left - this.drag) > 5;
    this.drag = null;
    this.picked.setAttribute("hidden", "");
    if (isDrag) this.show(range.map((step) => clamp(step, this.steps[0], this.steps.at(-1))));
  }

  /** Moves the cursor by the arrow keys; + zooms in around it, - shows all steps. */
  move(event) {
    const [first, last] = this.zoom ?? [this.steps[0], this.steps.at(-1)];
    const cursor = this.cursor ?? last;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) this.point(clamp(cursor + (by * (last - first)) / 50, first, last));
    else if (event.key === "+") this.show([(cursor + first) / 2, (cursor + last) / 2]);
    else if (event.key === "-") this.show(null);
    else return;
    event.preventDefault();
  }
}
