import Configuration
import JSON
import Keyring
import Terminal

extension Command {
    static let check = Command(
        syntax: CommandSyntax(
            "check", summary: "Say every mistake in the configuration at once",
            discussion:
                "Reads the configuration with its environment and files, opens the farm, and says what is wrong.",
            options: [.json])
    ) { invocation, console in
        let farm = try await Farm.open(invocation)
        let generation = try await farm.keyring.current()
        let settings = farm.configuration.farm
        if invocation.has("json") {
            console.print([
                "configuration": .string(farm.configuration.path), "mistakes": [],
                "generation": .integer(Int64(generation.number)), "payload": .string(settings.payload),
            ])
        } else {
            console.print(
                "\(farm.configuration.path): no mistakes. Key generation \(generation.number), payload \(settings.payload)"
            )
        }
        return .success
    }
}
