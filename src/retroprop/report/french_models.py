"""French for the formulas of what was trained, part of translations.FRENCH."""

MODELS = {
    (
        "A convolutional network: three convolutions of 16, 32 and 48 kernels, each "
        "followed by the activation and a max-pooling (2 × 2; after the last onto 4 × "
        "4), then two dense layers of 256 units and one score for each class. A softmax "
        "turns the scores into probabilities, and the loss is the cross-entropy in "
        "nats."
    ): (
        "Un réseau à convolutions\u00a0: trois convolutions de 16, 32 et 48 noyaux, chacune "
        "suivie de l’activation et d’un max-pooling (2 × 2\u00a0; après la dernière, vers 4 "
        "× 4), puis deux couches denses de 256 unités et un score par classe. Un "
        "softmax change les scores en probabilités, et la perte est l’entropie croisée "
        "en nats."
    ),
    (
        "A multilayer perceptron with L hidden layers. θ holds the weights W and the "
        "biases of a layer, a tilde appends a 1 to a vector, and φ is the activation "
        "function. From the image x, for l = 1, …, L + 1,"
    ): (
        "Un perceptron multicouche à L couches cachées. θ contient les poids W et les "
        "biais d’une couche, un tilde ajoute un 1 à un vecteur, et φ est la fonction "
        "d’activation. À partir de l’image x, pour l = 1, …, L + 1,"
    ),
    (
        "A network with one hidden layer of sigmoid units and linear outputs. With a 1 "
        "appended to the image x and to the hidden activities for the biases,"
    ): (
        "Un réseau à une couche cachée d’unités sigmoïdes et à sorties linéaires. Avec "
        "un 1 ajouté à l’image x et aux activités cachées pour les biais,"
    ),
    (
        "A perceptron with linear outputs. An image with a 1 appended for the bias is "
        "x̃, and output i is"
    ): (
        "Un perceptron à sorties linéaires. Une image à laquelle on ajoute un 1 pour le "
        "biais est x̃, et la sortie i est"
    ),
    "Adagrad (Duchi et al., 2011) updates": "Adagrad (Duchi et al., 2011) fait les mises à jour",
    (
        "AdamW (Loshchilov and Hutter, 2019), with weight decay λ, first shrinks the "
        "weights, then makes a step of Adam:"
    ): (
        "AdamW (Loshchilov et Hutter, 2019), avec la décroissance des poids λ, réduit "
        "d’abord les poids, puis fait un pas d’Adam\u00a0:"
    ),
    (
        "Backpropagation for one image with the one-hot label y, from the outputs to "
        "the first layer:"
    ): (
        "La rétropropagation pour une image dont l’étiquette y est codée par un seul 1, "
        "des sorties à la première couche\u00a0:"
    ),
    "Every weight then changes by, with y of layer 0 standing for x,": (
        "Chaque poids change alors de, y de la couche 0 désignant x,"
    ),
    (
        "In the updates, W stands for all the parameters of the network and G for the "
        "gradient of the loss with respect to them."
    ): (
        "Dans les mises à jour, W désigne tous les paramètres du réseau et G le "
        "gradient de la perte par rapport à eux."
    ),
    "Layers, from the image to the scores": "Couches, de l’image aux scores",
    "Linear outputs, with the squared error as the loss:": (
        "Des sorties linéaires, avec l’erreur quadratique comme perte\u00a0:"
    ),
    (
        "SGD adds Δw to each weight. The other optimizers use the gradient G of the "
        "loss, which is −Δw / η."
    ): (
        "SGD ajoute Δw à chaque poids. Les autres optimiseurs utilisent le gradient G "
        "de la perte, qui est −Δw / η."
    ),
    "SGD with momentum μ updates": "SGD avec l’inertie μ fait les mises à jour",
    "Softmax outputs, with the cross-entropy in nats as the loss:": (
        "Des sorties softmax, avec l’entropie croisée en nats comme perte\u00a0:"
    ),
    "The activation function ReLU and its derivative (1 where a > 0, else 0):": (
        "La fonction d’activation ReLU et sa dérivée (1 là où a > 0, sinon 0)\u00a0:"
    ),
    "The gradient is computed by automatic differentiation (autograd).": (
        "Le gradient est calculé par dérivation automatique (autograd)."
    ),
    "The gradient is computed from formulas derived by hand.": (
        "Le gradient est calculé par des formules dérivées à la main."
    ),
    (
        "The gradient is computed in two ways, from formulas derived by hand and by "
        "automatic differentiation (autograd), and the study compares them."
    ): (
        "Le gradient est calculé de deux façons, par des formules dérivées à la main et "
        "par dérivation automatique (autograd), et l’étude les compare."
    ),
    "The hyperbolic tangent and its derivative:": "La tangente hyperbolique et sa dérivée\u00a0:",
    "The activation function GELU, with Φ the normal distribution function:": (
        "La fonction d’activation GELU, où Φ est la fonction de répartition normale\u00a0:"
    ),
    (
        "phi of a equals a times capital phi of a; its derivative is capital phi of a "
        "plus a times the derivative of capital phi of a"
    ): (
        "phi de a égale a fois grand phi de a\u00a0; sa dérivée est grand phi de a plus a "
        "fois la dérivée de grand phi de a"
    ),
    "The sigmoid and its derivative:": "La sigmoïde et sa dérivée\u00a0:",
    (
        "The loss is the squared error ½ Σ (t − y)². The error of the outputs, with the "
        "one-hot target t, is propagated back to the hidden units:"
    ): (
        "La perte est l’erreur quadratique ½ Σ (t − y)². L’erreur des sorties, avec la "
        "cible t codée par un seul 1, est rétropropagée aux unités cachées\u00a0:"
    ),
    (
        "The loss is the squared error ½ Σ (t − y)². With the one-hot target t of one "
        "image, its gradient gives the change"
    ): (
        "La perte est l’erreur quadratique ½ Σ (t − y)². Avec la cible t d’une image, "
        "codée par un seul 1, son gradient donne le changement"
    ),
    "W becomes 1 minus eta lambda, times W; then a step of Adam:": (
        "W devient 1 moins êta lambda, fois W\u00a0; puis un pas d’Adam\u00a0:"
    ),
    (
        "With batch size 1, every image makes one step: one epoch is {steps} steps, and "
        "the {n} planned epochs are {all}."
    ): (
        "Avec une taille de lot de 1, chaque image fait un pas\u00a0: une époque compte "
        "{steps} pas, et les {n} époques prévues en comptent {all}."
    ),
    "With batch size 1, every image makes one step: the planned epoch is {steps} steps.": (
        "Avec une taille de lot de 1, chaque image fait un pas\u00a0: l’époque prévue compte "
        "{steps} pas."
    ),
    (
        "delta i of layer 2 equals t i minus y i of layer 2; delta i of layer 1 equals "
        "y i of layer 1 times one minus y i of layer 1 times the sum over j of delta j "
        "of layer 2 times w j i of layer 2"
    ): (
        "delta i de la couche 2 égale t i moins y i de la couche 2\u00a0; delta i de la "
        "couche 1 égale y i de la couche 1 fois un moins y i de la couche 1, fois la "
        "somme sur j de delta j de la couche 2 fois w j i de la couche 2"
    ),
    (
        "delta of layer L plus 1 equals f minus y; delta of layer l equals phi prime of "
        "a of layer l times, element by element, W of layer l plus 1 transposed times "
        "delta of layer l plus 1; the gradient of theta of layer l equals delta of "
        "layer l times h tilde of layer l minus 1 transposed"
    ): (
        "delta de la couche L plus 1 égale f moins y\u00a0; delta de la couche l égale phi "
        "prime de a de la couche l fois, élément par élément, W de la couche l plus 1 "
        "transposé fois delta de la couche l plus 1\u00a0; le gradient de thêta de la couche "
        "l égale delta de la couche l fois h tilde de la couche l moins 1 transposé"
    ),
    "delta w i j equals eta times x tilde j times t i minus y i": (
        "delta w i j égale êta fois x tilde j fois t i moins y i"
    ),
    "delta w i j of layer l equals eta times delta i of layer l times y j of layer l minus 1": (
        "delta w i j de la couche l égale êta fois delta i de la couche l fois y j de "
        "la couche l moins 1"
    ),
    (
        "f equals a of layer L plus 1; the loss equals one half of the sum over k of "
        "the square of f k minus y k"
    ): (
        "f égale a de la couche L plus 1\u00a0; la perte égale la moitié de la somme sur k "
        "du carré de f k moins y k"
    ),
    (
        "f k equals the exponential of a k of layer L plus 1 divided by the sum over c "
        "of the exponentials of a c of that layer; the loss equals minus the sum over k "
        "of y k times the logarithm of f k"
    ): (
        "f k égale l’exponentielle de a k de la couche L plus 1, divisée par la somme "
        "sur c des exponentielles de a c de cette couche\u00a0; la perte égale moins la "
        "somme sur k de y k fois le logarithme de f k"
    ),
    (
        "h of layer 0 equals x; a of layer l equals theta of layer l times h tilde of "
        "layer l minus 1; h of layer l equals phi of a of layer l"
    ): (
        "h de la couche 0 égale x\u00a0; a de la couche l égale thêta de la couche l fois h "
        "tilde de la couche l moins 1\u00a0; h de la couche l égale phi de a de la couche l"
    ),
    (
        "phi of a equals one over one plus the exponential of minus a; its derivative "
        "is phi of a times one minus phi of a"
    ): (
        "phi de a égale un sur un plus l’exponentielle de moins a\u00a0; sa dérivée est phi "
        "de a fois un moins phi de a"
    ),
    (
        "phi of a equals the hyperbolic tangent of a; its derivative is one minus the "
        "square of phi of a"
    ): (
        "phi de a égale la tangente hyperbolique de a\u00a0; sa dérivée est un moins le "
        "carré de phi de a"
    ),
    "phi of a equals the maximum of 0 and a; its derivative is 1 where a exceeds 0": (
        "phi de a égale le maximum de 0 et de a\u00a0; sa dérivée est 1 là où a dépasse 0"
    ),
    (
        "s becomes s plus G squared; W becomes W minus eta times G divided by the "
        "square root of s plus epsilon"
    ): (
        "s devient s plus G au carré\u00a0; W devient W moins êta fois G divisé par la "
        "racine carrée de s plus epsilon"
    ),
    "u becomes mu u plus G; W becomes W minus eta u": (
        "u devient mu u plus G\u00a0; W devient W moins êta u"
    ),
    "y i equals the sum over j of w i j times x tilde j; in short, y = W x̃": (
        "y i égale la somme sur j de w i j fois x tilde j\u00a0; en bref, y = W x̃"
    ),
    (
        "y i of layer 1 equals one over one plus the exponential of minus the sum over "
        "j of w i j of layer 1 times x j; y i of layer 2 equals the sum over j of w i j "
        "of layer 2 times y j of layer 1"
    ): (
        "y i de la couche 1 égale un sur un plus l’exponentielle de moins la somme sur "
        "j de w i j de la couche 1 fois x j\u00a0; y i de la couche 2 égale la somme sur j "
        "de w i j de la couche 2 fois y j de la couche 1"
    ),
}
