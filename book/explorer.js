// Moves the pictures of an explorer: one image for each combination of stops, named after their numbers ("3_0.webp").
document.querySelectorAll(".explorer").forEach((explorer) => {
  const image = explorer.querySelector("img");
  const inputs = [...explorer.querySelectorAll(":scope > label > input, :scope > fieldset")];
  const sizes = inputs.map((input) => (input.tagName === "INPUT" ? Number(input.max) + 1 : input.querySelectorAll("input").length));
  const number = (input) => Number(input.tagName === "INPUT" ? input.value : input.querySelector("input:checked").value);
  const place = (numbers) => explorer.dataset.place + numbers.join("_") + ".webp";
  let frames = null; // kept, so that the browser keeps them
  const load = () => {
    if (frames) return;
    const all = sizes.reduce((list, size) => list.flatMap((numbers) => [...Array(size).keys()].map((k) => [...numbers, k])), [[]]);
    frames = all.map((numbers) => Object.assign(new Image(), { src: place(numbers) }));
  };
  const tell = () => {
    for (const input of inputs.filter((input) => input.tagName === "INPUT")) {
      const words = JSON.parse(input.dataset.words)[input.value];
      input.previousElementSibling.textContent = words;
      input.setAttribute("aria-valuetext", words);
    }
  };
  const show = () => {
    tell();
    image.src = place(inputs.map(number));
  };
  explorer.addEventListener("pointerdown", load);
  explorer.addEventListener("focusin", load);
  explorer.addEventListener("input", show);
  explorer.querySelector("button").addEventListener("click", () => {
    for (const input of inputs) {
      if (input.tagName === "INPUT") input.value = input.dataset.start;
      else input.querySelectorAll("input")[input.dataset.start].checked = true;
    }
    show();
  });
  tell();
});
