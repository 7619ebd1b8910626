// Keyframes, large.
{
  // ---- viewer of keyframes ---------------------------------------------------------------------------------------------------
  const viewer = $("#viewer");
  let current = 0;
  const view = (index) => {
    const picture = pictures[index];
    if (!picture) return;
    current = index;
    const image = $("img", viewer);
    image.src = picture.src;
    image.alt = picture.alt;
    $("figcaption", viewer).textContent = picture.alt;
  };
  const step = (by) => { for (let i = current + by; i >= 0 && i < pictures.length; i += by) if (pictures[i]) { view(i); return; } };
  $$("[data-enlarge]").forEach((button) => button.addEventListener("click", () => { view(+button.dataset.enlarge); viewer.showModal(); }));
  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.step) step(+button.dataset.step); else if (!event.target.closest("img")) viewer.close();
  });
  viewer.addEventListener("keydown", (event) => { if (event.key === "ArrowRight") step(1); else if (event.key === "ArrowLeft") step(-1); });
}
