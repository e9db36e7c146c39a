"""The colour that maps usually give to a class, by the words of its name."""

import re

from earthline.label_features import words

_USUAL = {
    # Colours of the palette. A name takes the first line that has one of its words, in English, then German, French,
    # Spanish, Italian and Portuguese, without capitals and accents. First what has a word of a later line in it.
    "#56b4e9": "wetland wetlands marsh swamp mangrove mangroves tidal flooded peat bog "
    "moor moore sumpf feuchtgebiet tourbiere tourbieres marais mangrovia humedal humedales turbera "
    "manglar palude torbiera pantano turfeira mangue",
    "#0072b2": "water waters sea ocean lake lakes river rivers reservoir pond "
    "wasser gewasser see fluss meer teich eau eaux lac lacs riviere fleuve etang agua aguas lago lagos "
    "rio rios mar acqua acque laghi fiume mare",
    "#117733": "plantation plantations orchard orchards conifer coniferous needleleaf evergreen "
    "nadelwald obst plantage verger vergers coniferes plantacion huerto coniferas frutteto conifere "
    "plantacao pomar",
    "#009e73": "forest forests tree trees wood woods woodland deciduous broadleaf "
    "wald walder laubwald mischwald baum baume foret forets bois arbre arbres feuillus bosque bosques "
    "arbol arboles bosco boschi foresta foreste alberi floresta florestas arvores",
    "#999933": "shrub shrubs shrubland scrub heath bush "
    "gebusch strauch heide broussailles lande landes matorral arbustos arbusti macchia",
    "#f0e442": "grass grassland grasslands meadow meadows pasture pastures savanna "
    "wiese wiesen weide weiden grunland gras pre pres prairie prairies paturage paturages herbe pradera "
    "prado prados pasto pastos pastizal prato prati pascolo pascoli pastagem pastagens",
    "#e69f00": "crop crops cropland field fields agriculture farmland cultivated arable "
    "acker ackerland feld felder culture cultures champ champs cultivo cultivos campo campos coltivo "
    "coltivi seminativi lavoura lavouras",
    "#d55e00": "built urban town towns city buildings settlement settlements developed "
    "siedlung siedlungen stadt bebaut gebaude bati urbain ville villes urbano urbana ciudad edificios "
    "citta edifici cidade",
    "#ddcc77": "bare barren sand soil rock rocks desert beach dunes "
    "boden fels wuste strand sol sable roche roches desierto arena suelo roca rocas suolo sabbia roccia "
    "rocce solo areia rocha",
    "#88ccee": "snow ice glacier glaciers "
    "schnee eis gletscher neige glace nieve hielo glaciar neve ghiaccio ghiacciaio gelo",
}
_COLORS = {word: color for color, known in reversed(_USUAL.items()) for word in known.split()}
_ORDER = list(_USUAL)


def color(name: str) -> str | None:
    """The usual colour, #rrggbb; None where no word of the name has one.

    Args:
        name: Of a class.
    """
    found = {_COLORS[word] for word in re.findall(r"[a-z]+", words.bare(name)) if word in _COLORS}
    return min(found, key=_ORDER.index, default=None)
