"""What pyproject.toml can't say: the wheel holds programs, of the platform in $WHEEL_PLATFORM, for any Python."""

import os

from setuptools import Distribution, setup
from wheel.bdist_wheel import bdist_wheel


class OfOnePlatform(Distribution):
    def has_ext_modules(self):
        return True


class WheelOfPrograms(bdist_wheel):
    def get_tag(self):
        return "py3", "none", os.environ["WHEEL_PLATFORM"]


setup(distclass=OfOnePlatform, cmdclass={"bdist_wheel": WheelOfPrograms})
