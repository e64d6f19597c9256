"""Makes folders of documents, the same for the same seed."""

import html
import json
import pathlib
import random
import zipfile

WORDS = ("harbour ledger orchard granite lantern meadow copper violin glacier saddle archive kettle "
         "marble furnace pigeon compass thistle velvet anchor cinder willow quarry beacon feather "
         "price contract river engine summer window letter market bridge winter garden signal").split()
DOCX_TYPES = ('<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
              '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
              '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument'
              '.wordprocessingml.document.main+xml"/></Types>')
DOCX_RELS = ('<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
             '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
             'officeDocument" Target="word/document.xml"/></Relationships>')


def sentence(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(6, 14))).capitalize() + "."


def paragraphs(rng, count):
    return [" ".join(sentence(rng) for _ in range(rng.randint(2, 6))) for _ in range(count)]


def plain(path, rng, texts):
    path.write_text("\n\n".join(texts))


def markdown(path, rng, texts):
    path.write_text("\n\n".join(f"## {sentence(rng)}\n\n{text}" for text in texts))


def web(path, rng, texts):
    body = "".join(f"<h2>{html.escape(sentence(rng))}</h2><p>{html.escape(text)}</p>" for text in texts)
    path.write_text(f"<!doctype html><html><head><title>{sentence(rng)}</title></head><body>{body}</body></html>")


def table(path, rng, texts):
    path.write_text("name,note\n" + "\n".join(f'{rng.choice(WORDS)},"{text}"' for text in texts))


def data(path, rng, texts):
    path.write_text(json.dumps([{"title": sentence(rng), "text": text} for text in texts], indent=1))


def code(path, rng, texts):
    functions = (f'def {rng.choice(WORDS)}_{at}(value):\n    """{text}"""\n    return value * {at}\n' for at, text in enumerate(texts))
    path.write_text("\n\n".join(functions))


def mail(path, rng, texts):
    path.write_text(f"From: a@example.org\nTo: b@example.org\nSubject: {sentence(rng)}\nMIME-Version: 1.0\n"
                    "Content-Type: text/plain; charset=utf-8\n\n" + "\n\n".join(texts))


def office(path, rng, texts):
    body = "".join(f"<w:p><w:r><w:t>{html.escape(text)}</w:t></w:r></w:p>" for text in texts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", DOCX_TYPES)
        archive.writestr("_rels/.rels", DOCX_RELS)
        archive.writestr("word/document.xml", '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/'
                         f'wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>')


def archive(path, rng, texts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for at, text in enumerate(texts):
            out.writestr(f"inner/part-{at}.txt", text)


KINDS = [("txt", plain), ("md", markdown), ("html", web), ("csv", table), ("json", data), ("py", code),
         ("eml", mail), ("docx", office), ("zip", archive)]


def make(folder, count, seed=1, size=6):
    """Writes `count` files of all kinds below `folder` and returns it."""
    folder = pathlib.Path(folder)
    rng = random.Random(seed)
    for at in range(count):
        extension, write = KINDS[at % len(KINDS)]
        path = folder / f"part-{at // 200:03}" / f"file-{at:06}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, rng, paragraphs(rng, rng.randint(1, size)))
    return folder
