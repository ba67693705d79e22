// Shows images in the size of the window. Needs elements.js.

/**
 * Opens a dialog that shows one item at a time. The arrow keys, Home and End move between items,
 * and Escape closes the dialog.
 *
 * @param items Functions that return an item: its `caption`, and `pictures`, pairs of a title and
 *     an element. An item may have a `link`, a file to open.
 * @param index The item to start with.
 */
function enlarge(items, index) {
  const pictures = html("div", { class: "pictures" });
  const caption = html("p", { "aria-live": "polite" });
  const open = html("a", { target: "_blank" }, "Open file");
  const button = (text, label, click) =>
    html("button", { type: "button", "aria-label": label, onclick: click }, text);
  const earlier = button("←", "Previous image", () => show(index - 1));
  const later = button("→", "Next image", () => show(index + 1));
  const close = button("✕", "Close", () => dialog.close());
  const bar = html("div", { class: "bar" }, earlier, later, caption, open, close);
  const dialog = html("dialog", { class: "viewer", "aria-label": "Enlarged image" }, bar, pictures);

  function show(wanted) {
    index = Math.max(0, Math.min(items.length - 1, wanted));
    const item = items[index]();
    caption.textContent = `${item.caption} (${index + 1} of ${items.length})`;
    pictures.replaceChildren(
      ...item.pictures.map(([title, element]) =>
        html("figure", {}, element, html("figcaption", {}, title)),
      ),
    );
    open.hidden = !item.link;
    if (item.link) open.href = item.link;
    earlier.disabled = index === 0;
    later.disabled = index === items.length - 1;
  }

  dialog.addEventListener("keydown", (event) => {
    const wanted = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: items.length - 1 };
    if (!(event.key in wanted)) return;
    event.preventDefault();
    show(wanted[event.key]);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target === pictures) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  show(index);
  document.body.append(dialog);
  dialog.showModal();
}
