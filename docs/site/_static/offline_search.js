// From a folder no page can be fetched: the text of a page that was found comes from a script.
if (location.protocol === "file:") {
  const folder = new URL(".", location.href).href;
  const texts = new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = "_static/page_texts.js";
    script.onload = () => resolve(window.pageTexts);
    document.head.append(script);
  });
  window.fetch = async (address) => {
    const page = new URL(address, location.href).href.slice(folder.length);
    return new Response((await texts)[page] ?? "");
  };
}
