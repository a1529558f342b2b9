"""Pictures of a store as Matplotlib figures, in the satellite's fixed grid or in plate carree.

    figure = plot.field(store, plot.Layer(month=7, tod=64800, band="C13"))
    figure = plot.cycle(store, [(-98.5, 39.5)], "annual")
    film = plot.film(store, "months")
    plot.save(figure, Path("july.pdf"), store.url)

Needs `goeslake[plot]`; neither Dask nor torch.
"""

from lake.plot.canvas import save
from lake.plot.cycles import cycle
from lake.plot.films import Film
from lake.plot.films import save as save_film
from lake.plot.layers import Layer
from lake.plot.maps import Look, field, film

__all__ = ["Film", "Layer", "Look", "cycle", "field", "film", "save", "save_film"]
