"""A second server on the same data folder is refused and told who holds it; commands use the first."""

import corpus
import harness


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", 100)
    one = instance()
    one.start()
    second = one.run("serve", "--bind", "127.0.0.1:0", timeout=60)
    harness.must(second.returncode == 4, f"the second server ended with {second.returncode}: {second.stderr[-400:]}")
    harness.must(str(one.server.pid) in second.stderr, f"the message does not name the holder: {second.stderr[-400:]}")
    harness.must("data_folder_busy" in second.stderr, f"no data_folder_busy: {second.stderr[-400:]}")
    one.cli("index", docs)
    harness.must(one.finds("harbour"), "a command beside the server finds nothing")
    harness.must(one.alive(), "the first server was harmed")
    one.stop()
    again = one.start()
    return {"exit_code": second.returncode, **one.states(), **one.consistent(), "restart_s": round(again, 2)}


harness.main(test, harness.arguments(__doc__))
