//! Generates messages and clients of the contract.

fn main() -> std::io::Result<()> {
    let contract = "../../../proto";
    tonic_prost_build::configure().build_server(false).compile_protos(
        &[
            format!("{contract}/descent/v1/model_service.proto"),
            format!("{contract}/descent/v1/network_service.proto"),
        ],
        &[contract.to_string()],
    )
}
