"""Every include in the sources goes along an edge that the architecture allows."""

import pathlib
import unittest

import include_edges

ROOT = pathlib.Path(__file__).resolve().parents[2]


class SourcesTest(unittest.TestCase):
    def test_sources_keep_to_the_architecture(self):
        sources = include_edges.read_sources(ROOT)
        self.assertIn("core/network.h", sources)
        problems = include_edges.check(sources)
        self.assertEqual(problems, [], "\n" + "\n".join(problems))


class TableTest(unittest.TestCase):
    def test_no_arrow_runs_up(self):
        """What a room sees, and what that sees, does not lead back to it."""
        edges = {
            name: {room for room in include_edges.ROOMS if room != name and room in details.sees}
            for name, details in include_edges.ROOMS.items()
        }
        while edges:
            lowest = {name for name, seen in edges.items() if not seen}
            self.assertTrue(lowest, f"each of these sees another of them: {sorted(edges)}")
            edges = {name: seen - lowest for name, seen in edges.items() if name not in lowest}


class MadeUpSourcesTest(unittest.TestCase):
    """The check fails where it should: each of these is a house with one fault."""

    def assert_one_problem(self, sources, expected):
        problems = include_edges.check(sources)
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(expected, problems[0])

    def test_sound_house(self):
        self.assertEqual(
            include_edges.check({
                "core/network.h": '#include <vector>\n#include "core/spec.h"\n',
                "core/network.cc": '#include "core/network.h"\n#include <Eigen/Core>\n',
                "server/wire/decode.h": '#include "descent/v1/tensor.pb.h"\n'
                                        '#include "server/models/commands.h"\n',
                "server/models/registry/model.h": '#include "core/network.h"\n',
                "server/main.cc": '#include "server/models/registry/model.h"\n'
                                  '#include "server/wire/decode.h"\n',
                "client/cli/commands/main.cc": '#include "client/descent/client.h"\n#include "version/version.h"\n',
            }),
            [],
        )

    def test_core_knows_no_messages(self):
        self.assert_one_problem(
            {"core/network.cc": '#include "descent/v1/network.pb.h"\n'},
            "core/network.cc:1: core may not include descent/v1/network.pb.h",
        )

    def test_core_knows_no_clock(self):
        self.assert_one_problem({"core/trainer.cc": "#include <chrono>\n"}, "may not use chrono")

    def test_models_know_no_grpc(self):
        self.assert_one_problem(
            {"server/models/work/lane.cc": "\n#include <grpcpp/grpcpp.h>\n"},
            "server/models/work/lane.cc:2: server/models/work may not use grpcpp/grpcpp.h",
        )

    def test_wire_sees_only_the_commands_of_the_models(self):
        self.assert_one_problem(
            {"server/wire/decode.cc": '#include "server/models/registry/registry.h"\n'},
            "server/wire may not include server/models/registry/registry.h",
        )

    def test_models_see_the_stores_interface_alone(self):
        self.assert_one_problem(
            {"server/models/recovery/recovery.cc": '#include "server/store/store.h"\n'
                                          '#include "server/store/sqlite/sqlite_store.h"\n'},
            "server/models/recovery may not include server/store/sqlite/sqlite_store.h",
        )

    def test_rooms_of_the_models_do_not_see_those_above(self):
        self.assert_one_problem(
            {"server/models/state/model_state.h": '#include "server/models/writing/writer.h"\n'},
            "server/models/state may not include server/models/writing/writer.h",
        )

    def test_reading_and_writing_know_nothing_of_each_other(self):
        self.assert_one_problem(
            {"server/models/reading/reader.cc": '#include "server/models/writing/writer.h"\n'},
            "server/models/reading may not include server/models/writing/writer.h",
        )

    def test_rooms_of_the_store_do_not_see_those_above(self):
        self.assert_one_problem(
            {"server/store/tables/journal_table.cc": '#include "server/store/log/journal_log.h"\n'},
            "server/store/tables may not include server/store/log/journal_log.h",
        )

    def test_client_knows_no_server(self):
        self.assert_one_problem(
            {"client/descent/client.cc": '#include "core/error.h"\n'}, "client/descent may not include core/error.h"
        )

    def test_library_does_not_know_the_command(self):
        self.assert_one_problem(
            {"client/descent/client.cc": '#include "client/cli/text/csv_reader.h"\n'},
            "client/descent may not include client/cli/text/csv_reader.h",
        )

    def test_product_does_not_include_tests(self):
        self.assert_one_problem(
            {"server/ops/health.cc": '#include "tests/support/random.h"\n'},
            "server/ops may not include tests/support/random.h",
        )

    def test_eigen_behind_a_header_of_the_core(self):
        self.assert_one_problem(
            {
                "core/network.h": '#include "core/kernels/gemm.h"\n',
                "core/kernels/gemm.h": "#include <Eigen/Core>\n",
                "server/models/registry/model.cc": '#include "core/network.h"\n',
            },
            "server/models/registry/model.cc: reaches Eigen",
        )

    def test_files_that_lead_to_each_other_through_others(self):
        self.assert_one_problem(
            {
                "core/a.h": '#include "core/b.h"\n',
                "core/b.h": "",
                "core/b.cc": '#include "core/b.h"\n#include "core/c.h"\n',
                "core/c.h": '#include "core/a.h"\n#include "core/d.h"\n',
                "core/d.h": "",
            },
            "core/a, core/b, core/c lead to each other",
        )


if __name__ == "__main__":
    unittest.main()
