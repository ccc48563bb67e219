"""Optimizers that Debian's PyTorch has not, or not as documented: slow, one number at a time, in the
words of their sources. tests/golden/make_golden.py records their trajectories."""

import math


class Nadam:
    """Dozat (2016), as PyTorch documents it and computes it since 2.0. (1.13 multiplies the product
    of momenta by the current one twice in the second term.)"""

    def __init__(self, parameters, beta1=0.9, beta2=0.999, epsilon=1e-8, momentum_decay=4e-3,
                 weight_decay=0.0):
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.momentum_decay, self.weight_decay = momentum_decay, weight_decay
        self.m = [0.0] * len(parameters)
        self.v = [0.0] * len(parameters)
        self.product = 1.0
        self.t = 0

    def momentum(self, t):
        return self.beta1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def step(self, parameters, gradient, lr):
        self.t += 1
        mu, mu_next = self.momentum(self.t), self.momentum(self.t + 1)
        self.product *= mu
        for i, g in enumerate(gradient):
            g += self.weight_decay * parameters[i]
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
            m_hat = (mu_next * self.m[i] / (1 - self.product * mu_next)
                     + (1 - mu) * g / (1 - self.product))
            v_hat = self.v[i] / (1 - self.beta2 ** self.t)
            parameters[i] -= lr * m_hat / (math.sqrt(v_hat) + self.epsilon)


class Lion:
    """Chen et al. (2023), algorithm 2."""

    def __init__(self, parameters, beta1=0.9, beta2=0.99, weight_decay=0.0):
        self.beta1, self.beta2, self.weight_decay = beta1, beta2, weight_decay
        self.m = [0.0] * len(parameters)

    def step(self, parameters, gradient, lr):
        for i, g in enumerate(gradient):
            c = self.beta1 * self.m[i] + (1 - self.beta1) * g
            sign = (c > 0) - (c < 0)
            parameters[i] -= lr * (sign + self.weight_decay * parameters[i])
            self.m[i] = self.beta2 * self.m[i] + (1 - self.beta2) * g


class Ftrl:
    """McMahan et al. (2013), algorithm 1, from w = p instead of w = 0: z is begun so that the
    algorithm's own formula gives p. With a learning rate that changes, sigma is the difference of
    the inverse per-coordinate rates (beta + sqrt n) / alpha, which for a constant one is the
    paper's (sqrt(n + g^2) - sqrt n) / alpha."""

    def __init__(self, parameters, beta=1.0, l1=0.0, l2=0.0):
        self.beta, self.l1, self.l2 = beta, l1, l2
        self.z = None
        self.n = [0.0] * len(parameters)
        self.alpha = None

    def weight(self, i, alpha):
        z, sign = self.z[i], (self.z[i] > 0) - (self.z[i] < 0)
        if abs(z) <= self.l1:
            return 0.0
        return -((self.beta + math.sqrt(self.n[i])) / alpha + self.l2) ** -1 * (z - sign * self.l1)

    def step(self, parameters, gradient, lr):
        if self.z is None:
            self.alpha = lr
            self.z = [-(p * (self.beta / lr + self.l2) + ((p > 0) - (p < 0)) * self.l1)
                      for p in parameters]
        for i, g in enumerate(gradient):
            old = (self.beta + math.sqrt(self.n[i])) / self.alpha
            self.n[i] += g * g
            sigma = (self.beta + math.sqrt(self.n[i])) / lr - old
            self.z[i] += g - sigma * parameters[i]
            parameters[i] = self.weight(i, lr)
        self.alpha = lr
