"""French for the networks of the visible loop, part of translations.FRENCH."""

TRAINER = {
    "0 to 1": "de 0 à 1",
    "1 of {n} models diverged.": "1 modèle sur {n} a divergé.",
    (
        "a convolution of 64 kernels of 3 × 3 with BN and ReLU; four stages of two blocks each, "
        "with 64, 128, 256 and 512 channels, the last three halving height and width; the mean "
        "over all places; one linear layer"
    ): (
        "une convolution de 64 noyaux de 3 × 3 avec BN et ReLU\u00a0; quatre étages de deux blocs "
        "chacun, de 64, 128, 256 et 512 canaux, les trois derniers divisant par deux la hauteur et "
        "la largeur\u00a0; la moyenne sur toutes les positions\u00a0; une couche linéaire"
    ),
    "a convolution of {kernels} kernels of {k} × {k}": (
        "une convolution de {kernels} noyaux de {k} × {k}"
    ),
    (
        "A convolutional network (CNN). Each convolution ∗, of stride 1 and without padding, is "
        "followed by the activation function φ and a max-pooling: 2 × 2, and after the last "
        "convolution onto 4 × 4. Dense layers follow, as in a multilayer perceptron. From the "
        "image H of layer 0,"
    ): (
        "Un réseau à convolutions (CNN). Chaque convolution ∗, de pas 1 et sans remplissage, est "
        "suivie de la fonction d’activation φ et d’un max-pooling\u00a0: de 2 × 2, et, après la "
        "dernière convolution, vers 4 × 4. Des couches denses suivent, comme dans un perceptron "
        "multicouche. À partir de l’image H de la couche 0,"
    ),
    "A gradient longer than {n} is shortened to that norm.": (
        "Un gradient plus long que {n} est raccourci à cette norme."
    ),
    "a hidden layer of {n} units": "une couche cachée de {n} unités",
    "a new one in each epoch": "un nouveau à chaque époque",
    (
        "A picture, and what some of the filters make of it when they slide over it."
    ): "Une image, et ce que quelques-uns des filtres en font quand ils glissent dessus.",
    (
        "A residual network (He et al., 2016), made of blocks of two convolutions of 3 × 3 with "
        "batch normalisation BN and a shortcut s around them. s is the identity, or a 1 × 1 "
        "convolution with BN where the shape changes:"
    ): (
        "Un réseau résiduel (He et al., 2016), fait de blocs de deux convolutions de 3 × 3 avec "
        "normalisation par lot BN et d’un raccourci s qui les contourne. s est l’identité, ou une "
        "convolution de 1 × 1 avec BN là où la forme change\u00a0:"
    ),
    (
        "A row holds the test images of one class, a column those that were given to it; on the "
        "diagonal they are right. Where a cell has several seeds, their counts are added."
    ): (
        "Une ligne contient les images de test d’une classe, une colonne celles qui lui ont été "
        "attribuées\u00a0; sur la diagonale, elles sont bien classées. Quand une cellule a "
        "plusieurs graines, leurs comptes sont additionnés."
    ),
    "a small sample of CIFAR-10": "un petit échantillon de CIFAR-10",
    (
        "A softmax turns the score z of each class into a probability, and the loss is the "
        "cross-entropy in nats, with the one-hot label y:"
    ): (
        "Un softmax change le score z de chaque classe en probabilité, et la perte est l’entropie "
        "croisée en nats, avec l’étiquette y codée par un seul 1\u00a0:"
    ),
    (
        "A softmax turns the score z of each class into a probability, which is cut into the "
        "interval from ε to 1 − ε, ε = 10⁻⁹, before the logarithm, as the assignment’s template "
        "has it. With the one-hot label y, the loss in nats is"
    ): (
        "Un softmax change le score z de chaque classe en probabilité, ramenée dans l’intervalle "
        "de ε à 1 − ε, avec ε = 10⁻⁹, avant le logarithme, comme dans le gabarit du devoir. Avec "
        "l’étiquette y codée par un seul 1, la perte en nats est"
    ),
    (
        "A training ends after {n} epochs without a better validation accuracy."
    ): "Un entraînement s’arrête après {n} époques sans meilleure exactitude en validation.",
    "Accuracy on the test set by class (%)": "Exactitude sur l’ensemble de test, par classe (%)",
    ("Accuracy over the epochs, on validation (above) and on train (below), by {settings}."): (
        "Exactitude au fil des époques, en validation (en haut) et à l’entraînement (en "
        "bas)\u00a0; réglage varié\u00a0: {settings}."
    ),
    "All have {n} parameters.": "Tous ont {n} paramètres.",
    (
        "An epoch takes longest with {slow}, {long}: {ratio} times as long as with {fast}, {short}."
    ): (
        "Une époque dure le plus longtemps avec {slow}, {long}\u00a0: {ratio} fois plus qu’avec "
        "{fast}, {short}."
    ),
    (
        "An MLP-Mixer (Tolstikhin et al., 2021). The image is a matrix X of S tokens, one for each "
        "patch, by C channels. A block mixes the tokens by the same MLP for every channel c, then "
        "the channels by the same MLP for every token s; LN is the layer normalisation of a token:"
    ): (
        "Un MLP-Mixer (Tolstikhin et al., 2021). L’image est une matrice X de S tokens, un par "
        "patch, et de C canaux. Un bloc mélange les tokens par un même MLP pour tous les canaux c, "
        "puis les canaux par un même MLP pour tous les tokens s\u00a0; LN est la normalisation "
        "d’un token (layer normalization)\u00a0:"
    ),
    "architecture": "architecture",
    "Architectures side by side": "Architectures côte à côte",
    (
        "At the last epoch its train accuracy, a mean over the epoch while the model was learning, "
        "is not above that on validation; that does not exclude overfitting."
    ): (
        "À la dernière époque, son exactitude à l’entraînement, moyenne sur l’époque pendant que "
        "le modèle apprenait, ne dépasse pas celle en validation\u00a0; cela n’exclut pas un "
        "surapprentissage."
    ),
    (
        "At the last epoch its train accuracy, a mean over the epoch while the model was learning, "
        "is {points} above that on validation."
    ): (
        "À la dernière époque, son exactitude à l’entraînement, moyenne sur l’époque pendant que "
        "le modèle apprenait, dépasse de {points} celle en validation."
    ),
    "augmentation": "augmentation",
    "augmented": "augmentées",
    "augmented images": "images augmentées",
    (
        "Batch normalisation of one channel: m and v are its mean and variance over the minibatch "
        "and all places, and running means of them once the training is over:"
    ): (
        "La normalisation par lot d’un canal\u00a0: m et v sont sa moyenne et sa variance sur le "
        "mini-lot et sur toutes les positions, et leurs moyennes mobiles une fois l’entraînement "
        "terminé\u00a0:"
    ),
    "blocks": "blocs",
    (
        "BN of h equals gamma times h minus m, divided by the square root of v plus epsilon, plus "
        "beta"
    ): (
        "BN de h égale gamma fois h moins m, divisé par la racine carrée de v plus epsilon, plus "
        "bêta"
    ),
    "class": "classe",
    "Confusion matrix of {name}, {n} test images.": (
        "Matrice de confusion\u00a0: {name}, {n} images de test."
    ),
    "convolutions of {kernels} kernels of {k} × {k}": (
        "des convolutions de {kernels} noyaux de {k} × {k}"
    ),
    "cross-entropy": "entropie croisée",
    "cross-entropy of clamped probabilities": "entropie croisée de probabilités bornées",
    "Curves of all cells": "Courbes de toutes les cellules",
    "dropout rate": "taux de dropout",
    "each channel": "chaque canal",
    "Each epoch visits the images in a new random order.": (
        "Chaque époque parcourt les images dans un nouvel ordre aléatoire."
    ),
    (
        "Each line has the name of its cell; where there are several seeds, lines are means, and "
        "bands reach from the lowest to the highest."
    ): (
        "Chaque ligne porte le nom de sa cellule\u00a0; s’il y a plusieurs graines, les lignes "
        "sont des moyennes, et les bandes vont de la plus basse à la plus haute."
    ),
    "each pixel": "chaque pixel",
    (
        "Each plot compares two or three architectures: those of one kind, or the first of each "
        "kind."
    ): (
        "Chaque figure compare deux ou trois architectures\u00a0: celles d’une même sorte, ou la "
        "première de chaque sorte."
    ),
    (
        "Each tile holds the weights of one hidden unit of the first token-mixing MLP, one for "
        "each patch of the image. Units of opposing phase stand side by side, low frequencies "
        "first; every tile is divided by its own largest absolute weight."
    ): (
        "Chaque vignette contient les poids d’une unité cachée du premier MLP de mélange de "
        "tokens, un par patch de l’image. Les unités de phases opposées sont côte à côte, les "
        "basses fréquences d’abord\u00a0; chaque vignette est divisée par son plus grand poids "
        "absolu."
    ),
    (
        "Each tile is one kernel of the first convolution: above, its weights for the first "
        "channel of the image; below, their mean over the channels. Both panels are divided by "
        "their largest absolute weight and share one scale, on which grey is 0."
    ): (
        "Chaque vignette est un noyau de la première convolution\u00a0: en haut, ses poids pour le "
        "premier canal de l’image\u00a0; en bas, leur moyenne sur les canaux. Les deux panneaux "
        "sont divisés par leur plus grand poids absolu et partagent une échelle, où le gris est 0."
    ),
    (
        "Each time a training image is visited, it is mirrored with probability ½ and replaced by "
        "a random part of it, of 80 to 100 % of its area with sides in a ratio of 0.9 to 1.1, "
        "enlarged to its size again. The images of validation and test stay as they are."
    ): (
        "Chaque fois qu’une image d’entraînement est visitée, elle est retournée en miroir avec la "
        "probabilité ½ et remplacée par une de ses parties, tirée au hasard, de 80 à 100\u202f% de "
        "sa surface et de côtés dans un rapport de 0,9 à 1,1, agrandie à sa taille d’origine. Les "
        "images de validation et de test restent telles quelles."
    ),
    "embedding dimension": "dimension du plongement",
    "embedding dimension {value}": "dimension du plongement {value}",
    "epochs without progress before it stops": "époques sans progrès avant l’arrêt",
    (
        "eta of s equals eta times s plus 1 over w for s below w, and eta times one half of one "
        "plus the cosine of pi times s minus w over S minus w after that"
    ): (
        "êta de s égale êta fois s plus 1 sur w pour s inférieur à w, et ensuite êta fois la "
        "moitié de un plus le cosinus de pi fois s moins w sur S moins w"
    ),
    "Every epoch visits the images in the order of the file.": (
        "Chaque époque parcourt les images dans l’ordre du fichier."
    ),
    "Filters of the first token-mixing layer, {n} tiles.": (
        "Filtres de la première couche de mélange de tokens, {n} vignettes."
    ),
    (
        "From each channel its mean over the training images is subtracted, and the rest divided "
        "by its standard deviation."
    ): (
        "De chaque canal on soustrait sa moyenne sur les images d’entraînement, puis on divise par "
        "son écart-type."
    ),
    (
        "From each pixel its mean over the training images is subtracted, and the rest divided by "
        "its standard deviation."
    ): (
        "De chaque pixel on soustrait sa moyenne sur les images d’entraînement, puis on divise par "
        "son écart-type."
    ),
    "G becomes G plus lambda W": "G devient G plus lambda W",
    (
        "H of layer l equals the pooling of phi of W of layer l convolved with H of layer l minus "
        "1, plus b of layer l"
    ): (
        "H de la couche l égale le pooling de phi de W de la couche l convolué avec H de la couche "
        "l moins 1, plus b de la couche l"
    ),
    (
        "H prime equals ReLU of BN of W 2 convolved with ReLU of BN of W 1 convolved with H, plus "
        "s of H"
    ): (
        "H prime égale ReLU de BN de W 2 convolué avec ReLU de BN de W 1 convolué avec H, plus s "
        "de H"
    ),
    "hidden layers of {n} units": "des couches cachées de {n} unités",
    "Images": "Images",
    (
        "In the second picture some of the filters slide over a picture, as those of a convolution "
        "would. A Mixer does not do that: each of its filters sees the whole image once. It shows "
        "what a filter answers to."
    ): (
        "Dans la seconde figure, quelques-uns des filtres glissent sur une image, comme le "
        "feraient ceux d’une convolution. Un Mixer ne fait pas cela\u00a0: chacun de ses filtres "
        "voit l’image entière une seule fois. On voit ainsi à quoi un filtre répond."
    ),
    "initial weights": "poids initiaux",
    "It shows that everything works; its numbers mean nothing.": (
        "Elle montre que tout fonctionne\u00a0; ses nombres ne veulent rien dire."
    ),
    (
        "It trained on all {all} training images of {data} and validated on {others} other images; "
        "number of epochs: {epochs}."
    ): (
        "Elle utilise les {all} images d’entraînement de {data} et valide sur {others} autres "
        "images\u00a0; nombre d’époques\u00a0: {epochs}."
    ),
    (
        "It trained on {n} of the {all} training images of {data} and validated on {others} other "
        "images; number of epochs: {epochs}."
    ): (
        "Elle utilise {n} des {all} images d’entraînement de {data} et valide sur {others} autres "
        "images\u00a0; nombre d’époques\u00a0: {epochs}."
    ),
    (
        "Its numbers are those of this smaller study: the full one (--size full) trains more, and "
        "may rank its cells otherwise."
    ): (
        "Ses nombres sont ceux de cette étude réduite\u00a0: l’étude entière (--size full) "
        "entraîne davantage, et peut classer autrement ses cellules."
    ),
    "Kernels of the first convolution, {n} tiles.": (
        "Noyaux de la première convolution, {n} vignettes."
    ),
    "label smoothing": "lissage des étiquettes",
    ("Label smoothing s gives a part of the label to all K classes, in training alone:"): (
        "Le lissage s donne une part de l’étiquette à toutes les K classes, pendant l’entraînement "
        "seulement\u00a0:"
    ),
    "label smoothing {value}": "lissage des étiquettes {value}",
    (
        "Lines are means over the seeds, bands reach from the lowest to the highest seed; solid is "
        "validation, dashed is train."
    ): (
        "Les lignes sont les moyennes sur les graines, les bandes vont de la graine la plus basse "
        "à la plus haute\u00a0; trait plein pour la validation, tirets pour l’entraînement."
    ),
    "longest gradient": "plus long gradient",
    "loss": "perte",
    "loss and accuracy on train": "perte et exactitude à l’entraînement",
    ("Loss over the epochs, on validation (above) and on train (below), by {settings}."): (
        "Perte au fil des époques, en validation (en haut) et à l’entraînement (en bas)\u00a0; "
        "réglage varié\u00a0: {settings}."
    ),
    (
        "Losses and accuracies are measured on the whole train and validation sets after each "
        "epoch; epoch 0 is the untrained model."
    ): (
        "Les pertes et les exactitudes sont mesurées sur les ensembles d’entraînement et de "
        "validation entiers après chaque époque\u00a0; l’époque 0 est le modèle non entraîné."
    ),
    (
        "Losses and accuracies on validation are measured on the whole set after each epoch; those "
        "on train are means over the epoch, on the images as they came and while the model was "
        "learning from them. Epoch 0 is the untrained model."
    ): (
        "Les pertes et les exactitudes en validation sont mesurées sur l’ensemble entier après "
        "chaque époque\u00a0; celles à l’entraînement sont des moyennes sur l’époque, sur les "
        "images telles qu’elles venaient et pendant que le modèle en apprenait. L’époque 0 est le "
        "modèle non entraîné."
    ),
    "Lower is better. Evaluation is not included.": (
        "Moins, c’est mieux. L’évaluation n’est pas comprise."
    ),
    "mean; evaluation not included": "moyenne\u00a0; évaluation non comprise",
    "mean; loss and accuracy on the whole validation set": (
        "moyenne\u00a0; perte et exactitude sur l’ensemble de validation entier"
    ),
    "means over the epoch, while learning": "moyennes sur l’époque, pendant l’apprentissage",
    "measured after each epoch": "mesurées après chaque époque",
    "mirrored and cropped at random": "miroir et recadrage au hasard",
    "MLP-Mixer": "MLP-Mixer",
    "momentum μ": "inertie μ",
    "multilayer perceptrons and convolutional networks": (
        "perceptrons multicouches et réseaux à convolutions"
    ),
    "Nesterov": "Nesterov",
    "no augmentation": "sans augmentation",
    "none (0 to 255)": "aucune (0 à 255)",
    "Norm of the gradient": "Norme du gradient",
    (
        "Norm of the gradient over the epochs, on a logarithmic axis."
    ): "Norme du gradient au fil des époques, sur un axe logarithmique.",
    "normal, by Xavier’s rule; biases 0": "normaux, selon la règle de Xavier\u00a0; biais à 0",
    "normalisation of the pixels": "normalisation des pixels",
    "normalised": "normalisés",
    "normalised channels": "canaux normalisés",
    "normalised pixels": "pixels normalisés",
    "order of the images": "ordre des images",
    (
        "p k equals the exponential of z k divided by the sum over c of the exponentials of z c; "
        "the loss equals minus the sum over k of y k times the logarithm of p k"
    ): (
        "p k égale l’exponentielle de z k divisée par la somme sur c des exponentielles de z "
        "c\u00a0; la perte égale moins la somme sur k de y k fois le logarithme de p k"
    ),
    (
        "p k equals the exponential of z k divided by the sum over c of the exponentials of z c; "
        "the loss equals minus the sum over k of y k times the logarithm of the minimum of 1 minus "
        "epsilon and the maximum of epsilon and p k"
    ): (
        "p k égale l’exponentielle de z k divisée par la somme sur c des exponentielles de z "
        "c\u00a0; la perte égale moins la somme sur k de y k fois le logarithme du minimum de 1 "
        "moins epsilon et du maximum de epsilon et p k"
    ),
    "Parameters": "Paramètres",
    "parameters of a model": "paramètres d’un modèle",
    "patch size": "taille de patch",
    "pixels from 0 to 1": "pixels de 0 à 1",
    ("Products are computed in bfloat16; parameters, losses and updates stay in float32."): (
        "Les produits sont calculés en bfloat16\u00a0; les paramètres, les pertes et les mises à "
        "jour restent en float32."
    ),
    "raw": "bruts",
    "raw pixels": "pixels bruts",
    "ResNet-18": "ResNet-18",
    "SGD with Nesterov momentum": "SGD avec inertie de Nesterov",
    (
        "SGD with Nesterov momentum μ (Sutskever et al., 2013) updates"
    ): "SGD avec l’inertie de Nesterov μ (Sutskever et al., 2013) fait les mises à jour",
    "Sizes": "Tailles",
    "that of the file": "celui du fichier",
    "The file {file} does not hold these weights.": "Le fichier {file} ne contient pas ces poids.",
    "The file {file} is damaged.": "Le fichier {file} est endommagé.",
    "The first {n} test images validate, the other {rest} test.": (
        "Les {n} premières images de test servent à la validation, les {rest} autres au test."
    ),
    (
        "the image is cut into squares, and one linear map makes a token of each; the blocks; a "
        "layer normalisation; the mean over the tokens; one linear layer. The MLP that mixes "
        "tokens has half as many hidden units as a token has numbers, the one that mixes channels "
        "four times as many"
    ): (
        "l’image est découpée en carrés, et une même application linéaire fait de chacun un "
        "token\u00a0; les blocs\u00a0; une normalisation par token\u00a0; la moyenne sur les "
        "tokens\u00a0; une couche linéaire. Le MLP qui mélange les tokens a moitié moins d’unités "
        "cachées qu’un token n’a de nombres, celui qui mélange les canaux quatre fois plus"
    ),
    ("The largest model has {many} parameters, with {large}, the smallest {few}, with {small}."): (
        "Le plus grand modèle a {many} paramètres, avec {large}, le plus petit {few}, avec {small}."
    ),
    (
        "The learning rate rises in a line over the first w steps, a twentieth of all S steps, "
        "then falls along half a cosine wave to 0 (Loshchilov and Hutter, 2017). At step s, "
        "counted from 0,"
    ): (
        "Le taux d’apprentissage monte en ligne droite pendant les w premiers pas, un vingtième "
        "des S pas, puis descend à 0 le long d’une demi-onde de cosinus (Loshchilov et Hutter, "
        "2017). Au pas s, compté à partir de 0,"
    ),
    "The network reads the bytes of the image divided by 255.": (
        "Le réseau lit les octets de l’image divisés par 255."
    ),
    (
        "The network reads the bytes of the image, 0 to 255, as they are."
    ): "Le réseau lit les octets de l’image, de 0 à 255, tels quels.",
    (
        "The norm of the gradient of the loss with respect to all parameters together, ‖∂L/∂θ‖, is "
        "taken at each step, before any clipping; a point is its mean over the steps of an epoch."
    ): (
        "La norme du gradient de la perte par rapport à tous les paramètres ensemble, ‖∂L/∂θ‖, est "
        "prise à chaque pas, avant tout raccourcissement\u00a0; un point est sa moyenne sur les "
        "pas d’une époque."
    ),
    ("The only model, trained on {data}, reaches a validation accuracy ({spread}) of {items}."): (
        "Le seul modèle, entraîné sur {data}, atteint une exactitude en validation ({spread}) de "
        "{items}."
    ),
    "The record of run {id} names no file.": (
        "L’enregistrement de l’exécution {id} ne nomme aucun fichier."
    ),
    (
        "The weights are those of run {id}{settings}, after epoch {epoch}, the best on validation "
        "({accuracy})."
    ): (
        "Les poids sont ceux de l’exécution {id}{settings}, après l’époque {epoch}, la meilleure "
        "en validation ({accuracy})."
    ),
    "The weights could not be drawn": "Les poids n’ont pas pu être dessinés",
    (
        "The weights of a study lie in the folder checkpoints beside its database: put it there, "
        "and write the report again."
    ): (
        "Les poids d’une étude se trouvent dans le dossier checkpoints, à côté de sa base de "
        "données\u00a0: remettez-le là, et produisez le rapport à nouveau."
    ),
    (
        "There are no weights to draw yet, because there is no best cell yet."
    ): "Il n’y a pas encore de poids à dessiner, faute de meilleure cellule.",
    "There is no file {file} beside the database.": (
        "Il n’y a pas de fichier {file} à côté de la base de données."
    ),
    "This is the study at its laptop size": "Voici l’étude à sa taille «\u00a0laptop\u00a0»",
    "This is the study at its smoke size": "Voici l’étude à sa taille «\u00a0smoke\u00a0»",
    "Time and parameters": "Temps et paramètres",
    "Train and validation accuracy: {names}.": (
        "Exactitude à l’entraînement et en validation\u00a0: {names}."
    ),
    "Training": "Entraînement",
    (
        "Training seconds per epoch (median, with the lowest and the highest epoch) and "
        "parameters, by {setting}"
    ): (
        "Secondes d’entraînement par époque (médiane, avec l’époque la plus basse et la plus "
        "haute) et paramètres\u00a0; réglage varié\u00a0: {setting}"
    ),
    (
        "u becomes mu u plus G; W becomes W minus eta times G plus mu u"
    ): "u devient mu u plus G\u00a0; W devient W moins êta fois G plus mu u",
    (
        "U in column c equals X in column c plus W 2 times phi of W 1 times LN of X in column c; Y "
        "in row s equals U in row s plus W 4 times phi of W 3 times LN of U in row s"
    ): (
        "U à la colonne c égale X à la colonne c plus W 2 fois phi de W 1 fois LN de X à la "
        "colonne c\u00a0; Y à la ligne s égale U à la ligne s plus W 4 fois phi de W 3 fois LN de "
        "U à la ligne s"
    ),
    "uniform, by fan-in (as torch has it)": "uniformes, selon le nombre d’entrées (comme torch)",
    "validation images": "images de validation",
    "weight decay": "décroissance des poids",
    "weight decay {value}": "décroissance des poids {value}",
    (
        "Weight decay λ is added to the gradient before the step of {optimizers}:"
    ): "La décroissance des poids λ s’ajoute au gradient avant le pas de {optimizers}\u00a0:",
    (
        "Weights and biases start from a uniform distribution whose width is that of torch: ±1/√n, "
        "with n the inputs of a unit."
    ): (
        "Les poids et les biais partent d’une distribution uniforme dont la largeur est celle de "
        "torch\u00a0: ±1/√n, où n est le nombre d’entrées d’une unité."
    ),
    (
        "Weights start from a normal distribution of variance 2/(n + m), with n the inputs and m "
        "the units of a layer (Glorot and Bengio, 2010), biases from 0."
    ): (
        "Les poids partent d’une distribution normale de variance 2/(n + m), où n est le nombre "
        "d’entrées et m le nombre d’unités d’une couche (Glorot et Bengio, 2010), les biais de 0."
    ),
    "What the first layer has learnt": "Ce que la première couche a appris",
    "Which classes are confused": "Les classes confondues",
    "Without a line, for lack of a norm above 0: {names}.": (
        "Sans ligne, faute d’une norme supérieure à 0\u00a0: {names}."
    ),
    "y k becomes 1 minus s, times y k, plus s over K": (
        "y k devient 1 moins s, fois y k, plus s sur K"
    ),
    "{accuracy} with {group} ({test})": "{accuracy} avec {group} ({test})",
    "{cnn} of {kernel}": "{cnn} de {kernel}",
    "{convolutions}, then {dense}": "{convolutions}, puis {dense}",
    "{data} (on {n} of the {all} training images)": (
        "{data} (sur {n} des {all} images d’entraînement)"
    ),
    "{k} of {n} models diverged.": "{k} modèles sur {n} ont divergé.",
    "{layers} hidden layers of {n} units": "{layers} couches cachées de {n} unités",
    "{layers}; {n} parameters.": "{layers}\u00a0; {n} paramètres.",
    "{low} to {high}": "{low} à {high}",
    "{name}: {seconds} per epoch, {parameters} parameters": (
        "{name}\u00a0: {seconds} par époque, {parameters} paramètres"
    ),
    ("{n} models trained on {data} reach validation accuracies ({spread}) of {items}."): (
        "{n} modèles entraînés sur {data} atteignent des exactitudes en validation ({spread}) de "
        "{items}."
    ),
    ("{n} of the {all} training images train, drawn at random (split seed {seed})."): (
        "{n} des {all} images d’entraînement servent à l’entraînement, tirées au hasard (graine de "
        "partition {seed})."
    ),
    "{value} blocks": "{value} blocs",
    "{value} × {value} patches": "patches de {value} × {value}",
    "{where}, {better} and {worse} reach the same accuracy.": (
        "{where}, {better} et {worse} atteignent la même exactitude."
    ),
}
