"""Distributions, tests, effect sizes, power and quantiles as SciPy, NumPy and statsmodels compute them.

Run: python test/parity/statistics.py test/fixtures/statistics.json
Made with scipy 1.17.1, numpy 2.4.6 and statsmodels 0.15.0; the test's tolerance is 1e-9 relative, 1e-12 at zero.
What no library has is computed another way than core/stats does: the bias of d from the mean of noncentral t, the
confidence sequence by integrating its mixture and solving for the boundary.
"""

import json
import sys

import numpy as np
import statsmodels.api as sm
from scipy import integrate, optimize, special, stats
from statsmodels.stats.power import NormalIndPower

rng = np.random.default_rng(1)


def rounded(values):
    return np.round(values, 4).tolist()


SAMPLES = {
    "textbook": ([1, 2, 3], [2, 3, 4]),
    "equal sizes": (rounded(rng.normal(0, 1, 20)), rounded(rng.normal(0.8, 1, 20))),
    "unequal sizes and variances": (rounded(rng.normal(3, 0.5, 40)), rounded(rng.normal(2, 4, 6))),
    "skewed": (rounded(rng.exponential(1, 25)), rounded(rng.exponential(1.5, 15))),
    "binary": ([0, 1, 0, 0, 1, 0, 0, 0, 1, 0], [1, 1, 0, 1, 1, 0, 1, 1]),
    "far from zero": (rounded(1e4 + rng.normal(0, 1, 12)), rounded(1e4 + rng.normal(0.3, 1, 9))),
    "nearly apart": (rounded(rng.normal(0, 1, 30)), rounded(rng.normal(9, 1, 30))),
    "one constant": ([2, 2, 2, 2], [2, 3, 5]),
}


def moments(values):
    return {"count": len(values), "mean": float(np.mean(values)), "variance": float(np.var(values, ddof=1))}


def correction(degrees):
    """E[d] is the mean of noncentral t over the root of the counts: its ratio to the true effect, turned over."""
    half = degrees / 2 + 1
    scale = np.sqrt(half / 2)
    return float(0.5 / (stats.nct.mean(degrees, 0.5 * scale) / scale))


def effect(control, treatment):
    m, n = len(control), len(treatment)
    pooled = ((m - 1) * np.var(control, ddof=1) + (n - 1) * np.var(treatment, ddof=1)) / (m + n - 2)
    d = (np.mean(treatment) - np.mean(control)) / np.sqrt(pooled)
    g = correction(m + n - 2) * d
    error = correction(m + n - 2) * np.sqrt(1 / m + 1 / n + d**2 / (2 * (m + n)))
    lower, upper = stats.norm.interval(0.9, g, error)
    return {"d": float(d), "g": float(g), "lower": float(lower), "upper": float(upper)}


def comparison(name, control, treatment):
    test = stats.ttest_ind(treatment, control, equal_var=False)
    intervals = [test.confidence_interval(1 - alpha) for alpha in (0.05, 0.001)]
    return {
        "name": name,
        "control": control,
        "treatment": treatment,
        "moments": [moments(control), moments(treatment), moments(control + treatment)],
        "t": float(test.statistic),
        "degrees": float(test.df),
        "pValue": float(test.pvalue),
        "intervals": [[float(interval.low), float(interval.high)] for interval in intervals],
        "effect": effect(control, treatment),
        "quantiles": np.quantile(treatment, [0, 0.01, 0.25, 0.5, 0.9, 0.99, 1]).tolist(),
    }


def table(function, *axes):
    """[[arguments…, value], …] over all combinations."""
    points = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.asarray, axes))], axis=1)
    rows = [[*map(float, point), float(function(*point))] for point in points]
    return [row for row in rows if 1e-100 < abs(row[-1]) < np.inf or row[-1] == 0]


def functions():
    degrees = [1, 1.5, 2, 3.7, 10, 57.3, 1e3, 1e5, 1e7]
    probabilities = [1e-30, 1e-9, 1e-4, 0.025, 0.3, 0.499, 0.5, 0.8, 0.975, 0.9999]
    return {
        "logGamma": table(special.gammaln, [1e-6, 0.1, 0.5, 1, 1.5, 2, 3.3, 9.99, 10, 42, 1e3, 1e8]),
        "regularizedBeta": table(special.betainc, [0.5, 1, 3, 40, 2e3], [0.5, 2, 7.5, 900], [0, 0.01, 0.3, 0.5, 0.9, 0.999, 1]),
        "regularizedGammaQ": table(special.gammaincc, [0.5, 1, 2.5, 30, 1e3], [0, 1e-6, 0.3, 1, 4, 29, 35, 1e3, 1100]),
        "normalCdf": table(stats.norm.cdf, [-20, -6, -1.96, -0.3, -1e-9, 0, 1e-9, 0.7, 1.5, 1.8, 3, 8]),
        "normalQuantile": table(stats.norm.ppf, probabilities),
        "studentCdf": table(stats.t.cdf, [-40, -5, -1.7, -0.4, 0, 0.05, 1, 1.75, 3, 12], degrees),
        "studentQuantile": table(stats.t.ppf, probabilities, degrees),
        "chiSquareSurvival": table(stats.chi2.sf, [0, 0.1, 1, 3.84, 11, 60, 400], [1, 2, 3, 10, 99]),
        "biasCorrection": table(correction, [2, 3, 4, 7, 18, 60, 300]),
    }


def sample_ratio(counts, shares):
    shares = np.array(shares) / np.sum(shares)
    test = stats.chisquare(counts, shares * np.sum(counts))
    return {"counts": counts, "shares": shares.tolist(), "statistic": float(test.statistic), "pValue": float(test.pvalue)}


def cuped():
    """y on the arm and x: the slope of x is theta, that of the arm the adjusted difference."""
    arms = []
    for size, lift in ((30, 0.0), (18, 0.4)):
        x = rng.normal(5, 2, size)
        arms.append((rounded(x), rounded(0.7 * x + lift + rng.normal(0, 1, size))))
    x, y = (np.concatenate([arm[of] for arm in arms]) for of in (0, 1))
    arm = np.repeat([0, 1], [30, 18])
    fit = sm.OLS(y, sm.add_constant(np.column_stack([arm, x]))).fit()
    left = y - fit.params[2] * (x - x.mean())
    return {
        "control": arms[0],
        "treatment": arms[1],
        "theta": float(fit.params[2]),
        "difference": float(fit.params[1]),
        "moments": [moments(left[arm == of]) for of in (0, 1)],
        "covariance": float(np.cov(x, y)[0, 1]),
    }


def power(effect_size, alpha, wanted, control, treatment):
    solver = NormalIndPower()
    size = solver.solve_power(effect_size=effect_size, alpha=alpha, power=wanted)
    found = solver.power(effect_size, control, alpha, ratio=treatment / control)
    return {
        "effectSize": effect_size,
        "alpha": alpha,
        "power": wanted,
        "perArm": int(np.ceil(size)),
        "counts": [control, treatment],
        "found": float(found),
    }


def boundary(time, width, alpha):
    """Where ∫ exp(λs - λ²t/2) N(λ; 0, width²) dλ, a martingale that begins at 1, comes to 1/α (Ville's inequality)."""
    spread = 1 / np.sqrt(time + 1 / width**2)

    def log_mixture(s):
        peak = s * spread**2
        log_top = peak * s - peak**2 * time / 2 + stats.norm.logpdf(peak, 0, width)
        around = lambda l: np.exp(l * s - l**2 * time / 2 + stats.norm.logpdf(l, 0, width) - log_top)
        ends = peak - 12 * spread, peak + 12 * spread
        return log_top + np.log(integrate.quad(around, *ends, points=[peak], epsabs=0, epsrel=1e-13)[0])

    return optimize.brentq(lambda s: log_mixture(s) + np.log(alpha), 0, 100 * np.sqrt(time) + 100 / width, xtol=1e-13, rtol=1e-14)


def sequence(count, variance, alpha, tightest_at):
    doubt = -2 * np.log(alpha)
    rho = np.sqrt((doubt + np.log(doubt) + 1) / tightest_at)
    at = lambda n, width: boundary(n, width, alpha) / n * np.sqrt(variance)
    best = optimize.minimize_scalar(lambda width: at(tightest_at, width), bounds=(rho / 3, rho * 3), method="bounded")
    return {
        "count": count,
        "variance": variance,
        "alpha": alpha,
        "tightestAt": tightest_at,
        "margin": float(at(count, rho)),
        "narrowest": float(best.fun),
    }


golden = {
    "functions": functions(),
    "comparisons": [comparison(name, *samples) for name, samples in SAMPLES.items()],
    "sampleRatios": [
        sample_ratio([5000, 5100], [1, 1]),
        sample_ratio([821588, 815482], [1, 1]),
        sample_ratio([951, 49], [95, 5]),
        sample_ratio([480, 260, 270], [2, 1, 1]),
        sample_ratio([20, 80], [1, 1]),
    ],
    "cuped": cuped(),
    "power": [
        power(0.5, 0.05, 0.8, 63, 63),
        power(0.2, 0.05, 0.8, 950, 50),
        power(-0.1, 0.01, 0.95, 300, 700),
        power(0.02, 0.05, 0.2, 5, 5),
        power(3, 0.05, 0.9, 4, 2),
        power(0.05, 0.3, 0.35, 100, 400),
    ],
    "sequences": [
        sequence(100, 1, 0.05, 100),
        sequence(1, 1, 0.05, 100),
        sequence(37.5, 0.09, 0.01, 250),
        sequence(20000, 2500, 0.2, 100),
    ],
}
with open(sys.argv[1], "w") as file:
    json.dump(golden, file)
    file.write("\n")
