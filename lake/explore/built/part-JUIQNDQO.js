import"./part-F6B4QWPJ.js";var o={fromConfig(){throw new Error("the page does not know this codec")}};export{o as default};
