#!/usr/bin/env python3
"""Writes tests/data/: one small file per format, each with the sentence the tests look for.

Needs python-docx, openpyxl, python-pptx, odfpy, ebooklib, reportlab, pypdf[crypto], py7zr, xlwt.
The files are committed; run this only to add a format.
"""

import io
import pathlib
import zipfile

SENTENCE = "The patient heron waits beside the silver river."
HERE = pathlib.Path(__file__).parent / "data"


def pdf(pages, **options):
    from reportlab.pdfgen import canvas

    buffer = io.BytesIO()
    page = canvas.Canvas(buffer, invariant=1, **options)
    page.setTitle("Heron report")
    for text in pages:
        if text:
            page.drawString(72, 720, text)
        page.showPage()
    page.save()
    return buffer.getvalue()


def saved(document):
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def docx():
    import docx as library

    document = library.Document()
    document.add_heading("Birds", 1)
    document.add_paragraph("An opening paragraph with a < b > c & d.")
    document.add_heading("Herons", 2)
    document.add_paragraph(SENTENCE)
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text = "left cell"
    table.rows[0].cells[1].text = "right cell"
    return saved(document)


def xlsx():
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "First"
    book.active.append(["name", "count"])
    sheet = book.create_sheet("Second")
    sheet.append([SENTENCE, 42])
    return saved(book)


def xls():
    import xlwt

    book = xlwt.Workbook()
    book.add_sheet("First").write(0, 0, "name")
    book.add_sheet("Second").write(0, 0, SENTENCE)
    return saved(book)


def pptx():
    import pptx as library

    show = library.Presentation()
    for title, body in [("Opening", "Nothing here"), ("Herons", SENTENCE)]:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    return saved(show)


def odt():
    from odf.opendocument import OpenDocumentText
    from odf.text import H, P

    document = OpenDocumentText()
    document.text.addElement(H(outlinelevel=1, text="Herons"))
    document.text.addElement(P(text=SENTENCE))
    return saved(document)


def ods():
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import Table, TableCell, TableRow
    from odf.text import P

    document = OpenDocumentSpreadsheet()
    table, row, cell = Table(name="Birds"), TableRow(), TableCell(valuetype="string")
    cell.addElement(P(text=SENTENCE))
    row.addElement(cell)
    table.addElement(row)
    document.spreadsheet.addElement(table)
    return saved(document)


def odp():
    from odf.draw import Frame, Page, TextBox
    from odf.opendocument import OpenDocumentPresentation
    from odf.style import MasterPage, PageLayout
    from odf.text import P

    document = OpenDocumentPresentation()
    layout = PageLayout(name="layout")
    document.automaticstyles.addElement(layout)
    master = MasterPage(name="master", pagelayoutname=layout)
    document.masterstyles.addElement(master)
    for text in ("Opening", SENTENCE):
        page = Page(masterpagename=master)
        frame, box = Frame(width="20cm", height="5cm"), TextBox()
        box.addElement(P(text=text))
        frame.addElement(box)
        page.addElement(frame)
        document.presentation.addElement(page)
    return saved(document)


def epub():
    from ebooklib import epub as library

    book = library.EpubBook()
    book.set_identifier("heron")
    book.set_title("Heron book")
    chapter = library.EpubHtml(title="Herons", file_name="herons.xhtml")
    chapter.content = f"<html><body><h1>Herons</h1><p>{SENTENCE}</p></body></html>"
    book.add_item(chapter)
    book.toc = [chapter]
    book.spine = [chapter]
    book.add_item(library.EpubNcx())
    buffer = io.BytesIO()
    library.write_epub(buffer, book)
    return buffer.getvalue()


def encrypted_pdf():
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([SENTENCE]))))
    writer.encrypt("secret", algorithm="AES-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def encrypted_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", SENTENCE)
    data = bytearray(buffer.getvalue())
    data[6] |= 1  # The flag alone: readers must not even try.
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def sevenz():
    import py7zr

    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w") as archive:
        archive.writestr(SENTENCE, "inner/heron.txt")
    return buffer.getvalue()


def main():
    HERE.mkdir(exist_ok=True)
    whole = docx()
    files = {
        "heron.pdf": pdf(["An opening page.", SENTENCE, ""]),
        "encrypted.pdf": encrypted_pdf(),
        "broken.pdf": pdf([SENTENCE])[:120] + b"\x00" * 40,
        "heron.docx": whole,
        "truncated.docx": whole[: len(whole) // 2],
        "heron.xlsx": xlsx(),
        "heron.xls": xls(),
        "heron.pptx": pptx(),
        "heron.odt": odt(),
        "heron.ods": ods(),
        "heron.odp": odp(),
        "heron.epub": epub(),
        "heron.7z": sevenz(),
        "encrypted.zip": encrypted_zip(),
    }
    for name, data in files.items():
        (HERE / name).write_bytes(data)


if __name__ == "__main__":
    main()
