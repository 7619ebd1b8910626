// Printing: the reshoot sheet alone, by its button or key; the whole report by the browser's own command, with nothing folded away.
{
  const sheet = $("#reshoot"), root = document.documentElement, title = document.title;
  let folded = [];
  const fill = () => $$("[data-still]", sheet).map((image) => {
    const picture = pictures[+image.dataset.still];
    if (picture && !image.src) image.src = picture.src;
    return picture ? image.decode().catch(() => {}) : null; // a picture that cannot be decoded must not keep the page from the printer
  });
  const printSheet = async () => {
    await Promise.all(fill());
    root.classList.add("sheet-only");
    document.title = `${$("h1").textContent}, reshoot sheet`; // what the browser calls the file and writes at the edge
    print();
  };
  addEventListener("beforeprint", () => {
    folded = root.classList.contains("sheet-only") ? [] : $$("details:not([open])");
    for (const part of folded) part.open = true;
  });
  addEventListener("afterprint", () => {
    root.classList.remove("sheet-only");
    document.title = title;
    for (const part of folded) part.open = false;
    folded = [];
  });
  if (sheet) {
    $$("[data-print]").forEach((button) => button.addEventListener("click", printSheet));
    key("p", "Print the reshoot sheet", printSheet);
  }
}
