import System
import TestSupport
import Testing

@testable import BuildWorker

@Suite struct WorkspaceTests {
    @Test("a build that has ended leaves nothing")
    func ended() async throws {
        try await withTemporaryDirectory { path in
            let workspace = try Workspace(path: path, random: .system)
            let build = try workspace.begin()
            try build.directory.createFile("half-done").write([1, 2, 3])
            try build.directory.makeDirectory("deeper")
            try build.directory.directory("deeper").createFile("x").write([1])
            try build.remove()
            #expect(filesBelow(path).isEmpty)
        }
    }

    @Test("a sweep leaves the build of a living worker alone and removes that of a dead one")
    func sweep() async throws {
        try await withTemporaryDirectory { path in
            let workspace = try Workspace(path: path, random: .system)
            let living = try workspace.begin()
            // What a killed worker leaves: a folder and a lock file that nobody holds.
            try writeFile(path + "/build-dead.lock", [])
            try writeFile(path + "/build-dead/secret", [1])
            #expect(try workspace.sweep() == 1)
            #expect(filesBelow(path).count == 2)
            #expect(try workspace.sweep() == 0)
            try living.remove()
            #expect(filesBelow(path).isEmpty)
        }
    }

    @Test("removing follows no link")
    func links() async throws {
        try await withTemporaryDirectory { path in
            try writeFile(path + "/outside/precious", [1])
            let workspace = try Workspace(path: path + "/work", random: .system)
            let build = try workspace.begin()
            try build.directory.makeLink("way-out", to: path + "/outside")
            try build.remove()
            #expect(filesBelow(path + "/outside") == ["precious"])
        }
    }
}
