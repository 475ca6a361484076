// Moves the pictures of an explorer: one image for each combination of stops, named after their numbers ("3_0.webp").
document.querySelectorAll(".explorer").forEach((explorer) => {
  const image = explorer.querySelector("img");
  const inputs = [...explorer.querySelectorAll(":scope > label > input, :scope > fieldset")];
  const sizes = inputs.map((input) => (input.tagName === "INPUT" ? Number(input.max) + 1 : input.querySelectorAll("input").length));
  const number = (input) => Number(input.tagName === "INPUT" ? input.value : input.querySelector("input:checked").value);
  let frames = null;
  const load = () => {
    if (frames) return;
    frames = {};
    const fetch = (numbers) => {
      if (numbers.length === sizes.length) {
        const frame = new Image();
        frame.src = explorer.dataset.place + numbers.join("_") + ".webp";
        frames[numbers.join("_")] = frame;
        return;
      }
      for (let k = 0; k < sizes[numbers.length]; k++) fetch([...numbers, k]);
    };
    fetch([]);
  };
  const show = () => {
    for (const input of inputs) {
      if (input.tagName !== "INPUT") continue;
      const words = JSON.parse(input.dataset.words)[input.value];
      input.previousElementSibling.textContent = words;
      input.setAttribute("aria-valuetext", words);
    }
    image.src = explorer.dataset.place + inputs.map(number).join("_") + ".webp";
  };
  const words = () => inputs.forEach((input) => {
    if (input.tagName === "INPUT") input.previousElementSibling.textContent = JSON.parse(input.dataset.words)[input.value];
  });
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
  words();
});
