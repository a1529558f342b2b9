/** Stands for codecs that no array of a lake is packed by: they would double the size of the page. */

export default {
  fromConfig() {
    throw new Error("the page does not know this codec");
  },
};
