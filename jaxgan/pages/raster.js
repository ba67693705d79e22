// Draws into an ImageData without anti-aliasing: label maps hold the colors of the classes only.

const NEAR = 24; // difference in a channel up to which colors are filled as one, as JPEG has noise

/** Returns the pixels of an ImageData as one integer each. */
function packed(image) {
  return new Uint32Array(image.data.buffer);
}

/** Returns a color such as "#0055ff" as an integer of `packed`. */
function pack(color) {
  const channels = [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
  return new Uint32Array(Uint8Array.of(...channels, 255).buffer)[0];
}

/** Paints discs of a diameter along a line. */
function drawLine(image, from, to, diameter, color) {
  const pixels = packed(image);
  const center = (diameter - 1) / 2;
  const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1);
  for (let step = 0; step <= steps; step++) {
    const left = Math.round(from.x + ((to.x - from.x) * step) / steps - center);
    const top = Math.round(from.y + ((to.y - from.y) * step) / steps - center);
    for (let row = 0; row < diameter; row++) {
      for (let column = 0; column < diameter; column++) {
        const [x, y] = [left + column, top + row];
        const apart = Math.hypot(column - center, row - center);
        if (apart > diameter / 2 || x < 0 || y < 0 || x >= image.width || y >= image.height) continue;
        pixels[y * image.width + x] = color;
      }
    }
  }
}

/** Paints a rectangle between two corners, or its outline if a width is given. */
function drawRectangle(image, from, to, color, outline = 0) {
  const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
  const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
  if (outline) {
    const corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]];
    const points = corners.map(([x, y]) => ({ x, y }));
    points.slice(1).forEach((point, at) => drawLine(image, points[at], point, outline, color));
    return;
  }
  const pixels = packed(image);
  for (let y = Math.max(top, 0); y <= Math.min(bottom, image.height - 1); y++) {
    const start = y * image.width;
    pixels.fill(color, start + Math.max(left, 0), start + Math.min(right + 1, image.width));
  }
}

/** Paints the region of similar color that touches a point. */
function fillRegion(image, { x, y }, color) {
  const { width, height, data } = image;
  if (x < 0 || y < 0 || x >= width || y >= height) return;
  const pixels = packed(image);
  const seen = new Uint8Array(pixels.length);
  const start = y * width + x;
  const wanted = data.slice(4 * start, 4 * start + 3);
  const stack = [start];
  seen[start] = 1;
  while (stack.length) {
    const at = stack.pop();
    if (wanted.some((value, channel) => Math.abs(data[4 * at + channel] - value) > NEAR)) continue;
    pixels[at] = color;
    const column = at % width;
    const around = [at - width, at + width];
    if (column > 0) around.push(at - 1);
    if (column < width - 1) around.push(at + 1);
    for (const next of around) {
      if (next < 0 || next >= pixels.length || seen[next]) continue;
      seen[next] = 1;
      stack.push(next);
    }
  }
}
