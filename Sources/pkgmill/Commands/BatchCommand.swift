import Enqueuer
import JSON
import System
import Terminal

extension Command {
    static let batch = Command(
        syntax: CommandSyntax(
            "batch", summary: "Ask for many installers at once, out of a file; prints the batch's id",
            discussion: """
                FILE is a table with commas whose first line names its columns, of nodeName, packageName and label:KEY, or JSON: \
                a list of objects with nodeName, packageName and labels. A row that cannot be built is refused, and the others are \
                taken. With --json: a line for each row, and one for the batch.
                """,
            operands: [.init("FILE")],
            options: [
                .init("sealing", "HOW", help: "how secrets travel in the packages: plain (readable in them)"),
                .init("lane", "LANE", help: "the lane to wait in (default: batch)"),
                .json,
            ] + remoteOptions)
    ) { invocation, console in
        let path = invocation.operand(0) ?? ""
        var file = try BatchFile(parsing: try File.open(path).readAll(limit: BatchFile.mostBytes))
        file.sealing = invocation.value("sealing")
        file.lane = invocation.value("lane")
        let source = try await jobSource(invocation)
        let outcome = try await source.submit(file)
        for note in outcome.notes { console.note(note) }
        let refused = outcome.rows.filter { $0["id"]?.string == nil }
        if invocation.has("json") {
            for row in outcome.rows { console.print(row) }
            console.print(outcome.batch)
        } else {
            console.print(outcome.batch["id"]?.string ?? "")
            for row in refused {
                console.warn(
                    "row \(row["row"]?.integer ?? 0): \(Printable.text(row["error"]?["message"]?.string ?? "", limit: 500))"
                )
            }
            console.note("\(outcome.rows.count - refused.count) of \(outcome.rows.count) rows were taken")
        }
        return refused.isEmpty ? .success : .unsuccessful
    }
}
