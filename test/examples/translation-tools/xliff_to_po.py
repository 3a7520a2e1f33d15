"""Reads XLIFF with Translate Toolkit and writes what it finds as PO with polib, without the header. Argument: the file."""

import sys

import polib
from translate.storage.poxliff import PoXliffFile


def context_of(unit):
    """The toolkit keeps a unit's context, but tells it of proposals only."""
    for context in unit.xmlelement.iter(unit.namespaced("context")):
        if context.get("context-type") == "x-po-msgctxt":
            return context.text or ""
    return None


catalog = polib.POFile(wrapwidth=0)
for unit in PoXliffFile.parsefile(sys.argv[1]).units:
    entry = polib.POEntry(msgctxt=context_of(unit), msgid=str(unit.source))
    if unit.hasplural():
        sources, targets = unit.source.strings, unit.target.strings
        entry.msgid_plural = str(sources[-1])
        entry.msgstr_plural = {form: str(target) for form, target in enumerate(targets)}
    else:
        entry.msgstr = str(unit.target or "")
    if unit.isfuzzy():
        entry.flags.append("fuzzy")
    catalog.append(entry)
print(catalog)
