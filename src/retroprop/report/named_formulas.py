"""The formulas that a `Formula` block names, in the notation of `mathematics.formulas`.

Notebooks take them from here. The templates of the page and of the paper hold them in their own
forms; a test compares the characters of all.
"""

NAMED_FORMULAS = {
    "model": "p(y = k | tilde(x)) = softmax(tilde(x) W)_k"
    " = frac(exp (tilde(x) W)_k, sum_j exp (tilde(x) W)_j)",
    "gradient-sum": "G = sum_(b in B) tilde(x)_b^top (p_b - y_b)",
    "gradient-mean": "G = frac(1, abs(B)) sum_(b in B) tilde(x)_b^top (p_b - y_b)",
    "sgd": "W <- W - eta G",
    "momentum": "u <- mu u + G quad W <- W - eta u",
    "nesterov": "u <- mu u + G quad W <- W - eta (G + mu u)",
    "weight-decay": "G <- G + lambda W",
    "adagrad": "s <- s + G^2 quad W <- W - eta frac(G, sqrt(s) + epsilon)",
    "adam": r"m &<- beta_1 m + (1 - beta_1) G \ v &<- beta_2 v + (1 - beta_2) G^2 \ "
    "W &<- W - eta frac(m slash (1 - beta_1^t), sqrt(v slash (1 - beta_2^t)) + epsilon)",
    "adamw": r"W &<- (1 - eta lambda) W \ m &<- beta_1 m + (1 - beta_1) G \ "
    r"v &<- beta_2 v + (1 - beta_2) G^2 \ "
    "W &<- W - eta frac(m slash (1 - beta_1^t), sqrt(v slash (1 - beta_2^t)) + epsilon)",
    "perceptron-model": "y_i = sum_j w_(i j) tilde(x)_j quad y = W tilde(x)",
    "perceptron-update": "Delta w_(i j) = eta tilde(x)_j (t_i - y_i)",
    "shallow-model": r"y_i^((1)) &= frac(1, 1 + exp(-sum_j w_(i j)^((1)) x_j)) \ "
    "y_i^((2)) &= sum_j w_(i j)^((2)) y_j^((1))",
    "shallow-errors": r"delta_i^((2)) &= t_i - y_i^((2)) \ "
    "delta_i^((1)) &= y_i^((1)) (1 - y_i^((1))) sum_j delta_j^((2)) w_(j i)^((2))",
    "shallow-update": "Delta w_(i j)^((l)) = eta delta_i^((l)) y_j^((l - 1))",
    "mlp-model": "h^((0)) = x quad a^((l)) = theta^((l)) tilde(h)^((l - 1)) quad "
    "h^((l)) = phi(a^((l)))",
    "mlp-softmax": "f_k = frac(exp a_k^((L + 1)), sum_c exp a_c^((L + 1))) quad "
    "cal(L) = -sum_k y_k log f_k",
    "mlp-linear": "f = a^((L + 1)) quad cal(L) = frac(1, 2) sum_k (f_k - y_k)^2",
    "mlp-backward": r"delta^((L + 1)) &= f - y \ "
    r"delta^((l)) &= phi'(a^((l))) circle (W^((l + 1)))^top delta^((l + 1)) \ "
    "frac(partial cal(L), partial theta^((l))) &= delta^((l)) (tilde(h)^((l - 1)))^top",
    "relu": "phi(a) = max(0, a) quad phi'(a) = 1_(a > 0)",
    "sigmoid": "phi(a) = frac(1, 1 + exp(-a)) quad phi'(a) = phi(a) (1 - phi(a))",
    "gelu": "phi(a) = a Phi(a) quad phi'(a) = Phi(a) + a Phi'(a)",
    "tanh": "phi(a) = tanh a quad phi'(a) = 1 - phi(a)^2",
    "warmup-cosine": "eta_s = cases(eta (s + 1) slash w quad & s < w, "
    "frac(1, 2) eta (1 + cos frac(pi (s - w), S - w)) quad & s >= w)",
    "cnn-layer": "H^((l)) = pool(phi(W^((l)) * H^((l - 1)) + b^((l))))",
    "resnet-block": "H' = ReLU(BN(W_2 * ReLU(BN(W_1 * H))) + s(H))",
    "batch-norm": "BN(h) = gamma frac(h - m, sqrt(v + epsilon)) + beta",
    "mixer-block": r"U_(* c) &= X_(* c) + W_2 phi(W_1 LN(X)_(* c)) \ "
    "Y_(s *) &= U_(s *) + W_4 phi(W_3 LN(U)_(s *))",
    "cross-entropy": "p_k = frac(exp z_k, sum_c exp z_c) quad cal(L) = -sum_k y_k log p_k",
    "clamped-cross-entropy": r"p_k &= frac(exp z_k, sum_c exp z_c) \ "
    "cal(L) &= -sum_k y_k log min(1 - epsilon, max(epsilon, p_k))",
    "label-smoothing": "y_k <- (1 - s) y_k + frac(s, K)",
}
