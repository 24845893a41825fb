import FlatPackage
import JSON
import System
import Terminal

extension Command {
    static let inspect = Command(
        syntax: CommandSyntax(
            "inspect", summary: "Show what a flat package holds", operands: [.init("FILE.pkg")],
            options: [.init("files", help: "list the files of each payload too"), .json])
    ) { invocation, console in
        let path = invocation.operand(0) ?? ""
        let inspection = try PackageInspection(path: path, listsFiles: invocation.has("files"))
        if invocation.has("json") {
            console.print(inspection.json)
        } else {
            console.print(inspection.text(console.palette))
        }
        return .success
    }

    static let lint = Command(
        syntax: CommandSyntax(
            "lint", summary: "Check a flat package against every rule",
            discussion: "Ends with 1 when there are errors; warnings are shown and do not count.",
            operands: [.init("FILE.pkg")], options: [.json])
    ) { invocation, console in
        let path = invocation.operand(0) ?? ""
        var line = ProgressLine()
        let report = try PackageChecker.check(File.open(path)) { done, total throws(PackageError) in
            line.show("check", done: done, total: total)
        }
        line.clear()
        if invocation.has("json") {
            console.print(PackageInspection.json(report, path: path))
        } else {
            for finding in report.findings { console.print(PackageInspection.text(finding, console.palette)) }
            console.print(
                "\(Printable.text(path)): \(report.errors.count) errors, \(report.warnings.count) warnings")
        }
        return report.isPublishable ? .success : .unsuccessful
    }
}
